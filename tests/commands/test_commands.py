"""The command line as people and scripts meet it: words in, exit codes, documents and sentences out."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipeline.__main__ import run
from pipeline.commands import answers
from pipeline.commands.arguments import read_words
from pipeline.config.errors import InvalidRequest
from pipeline.config.settings import Settings, read_settings
from pipeline.ingest.isolation import faults_of
from pipeline.store.lake import Store
from tests.support.lakes import ROOT, add_events, command, ended

EVENT = {
    "id": "event-1",
    "jobId": "scim.cerby",
    "cycleId": "cycle-1",
    "changeId": "change-1",
    "tenantId": "11111111-1111-4111-8111-111111111111",
    "activityDateTime": "2026-01-05T12:00:00Z",
    "provisioningAction": "create",
    "provisioningStatusInfo": {"status": "success"},
    "sourceIdentity": {"id": "ada", "displayName": "Ada"},
    "servicePrincipal": {"id": "app", "displayName": "Cerby"},
    "provisioningSteps": [],
    "modifiedProperties": [],
}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A file of two events and a line that is none."""
    file = tmp_path / "events.ndjson"
    lines = [
        json.dumps(EVENT),
        json.dumps(EVENT | {"id": "event-2"}),
        '{"id": "event-3", "activityDateTime": "yesterday-ish"}',
    ]
    file.write_text("\n".join(lines) + "\n")
    return file


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    """Gives what was printed, as the one JSON document that it must be."""
    return json.loads(capsys.readouterr().out)


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """Gives the one sentence on stderr; stdout must be empty."""
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def drawn(answer: pa.Table, width: int = 100) -> str:
    """Gives an answer as a terminal of that width shows it."""
    page = io.StringIO()
    answers.print_answer(answer, Console(file=page, width=width, force_terminal=True, color_system=None))
    return page.getvalue()


def test_ingest_tells_of_each_file_and_of_all_and_rejects_make_it_exit_1(
    store: Store, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ingest", str(logs), "--json"]) == 1
    told = document(capsys)
    assert [(file["lines"], file["kept"], file["duplicates"], file["rejects"]) for file in told["files"]] == [
        (3, 2, 0, 1)
    ]
    assert told["total"]["files"] == 1
    assert told["total"]["lines"] == told["total"]["kept"] + told["total"]["duplicates"] + told["total"]["rejects"]


def test_ingest_of_what_was_read_before_is_done_and_adds_nothing(
    store: Store, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["ingest", str(logs)])
    revision = store.revision()
    capsys.readouterr()
    assert run(["ingest", str(logs), "--json"]) == 0
    assert document(capsys)["total"]["kept"] == 0
    assert store.revision() == revision


def test_ingest_prints_for_people_and_lists_only_troubled_files_when_there_are_many(
    store: Store, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(45):
        (folder / f"{number}.ndjson").write_text(json.dumps(EVENT | {"id": f"many-{number}"}) + "\n")
    assert run(["ingest", str(logs), str(folder)]) == 1
    printed = capsys.readouterr()
    assert "events.ndjson" in printed.out
    assert "44.ndjson" not in printed.out
    assert "46 files" in printed.out
    assert "45 files without rejects are not listed" in printed.out
    assert printed.err == ""
    (folder / "\x1b[2J\n45.ndjson").write_text("")
    run(["ingest", str(folder), "--all"])
    printed = capsys.readouterr()
    assert "44.ndjson" in printed.out and " [2J 45.ndjson" in printed.out and "\x1b" not in printed.out


def test_ingest_reads_standard_input(store: Store, logs: Path) -> None:
    reading = command("ingest", "-", "--json")
    out, err = reading.communicate(json.dumps(EVENT) + "\n", timeout=60)
    assert (reading.returncode, err) == (0, "")
    assert json.loads(out)["total"]["kept"] == 1


def test_ingest_of_a_path_that_is_not_there_is_a_sentence(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ingest", "nowhere.ndjson"]) == 2
    assert "nowhere.ndjson" in refusal(capsys)
    assert run(["ingest", ""]) == 2
    assert "A path is empty" in refusal(capsys)
    # What was committed is in the catalog itself, so that a copy of it has all.
    assert settings.catalog_file is not None and settings.catalog_file.exists()
    assert not Path(f"{settings.catalog_file}-wal").exists()


def test_ask_without_a_question_lists_them(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "--json"]) == 0
    listed = document(capsys)
    assert {"query", "title", "topic", "question", "parameters"} == set(listed[0])
    assert run(["ask"]) == 0
    assert listed[0]["query"] in capsys.readouterr().out


def test_ask_answers_of_everything_unless_a_window_is_given(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    add_events(store, 0, 100)
    assert run(["ask", "outcomes_by_action", "--json"]) == 0
    everything = document(capsys)
    assert (
        run(["ask", "outcomes_by_action", "--since", "2026-01-05T00:00:00Z", "--until=2026-01-05T01:00:00Z", "--json"])
        == 0
    )
    some = document(capsys)
    assert sum(row["successes"] + row["failures"] for row in everything) == 100
    assert sum(row["successes"] + row["failures"] for row in some) == 60


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ask", "flet"], "There is no question 'flet' in queries/; did you mean fleet?"),
        (["ask", "outcomes_by_action", "--since", "yesterday"], "since is 'yesterday'; an ISO 8601 instant such as"),
        (["ask", "outcomes_by_action", "--colour", "blue"], "'outcomes_by_action' has no parameter 'colour'; it takes"),
        (["ask", "outcomes_by_action", "--since"], "--since needs a value"),
        (["ask", "fleet", "people"], "One question at a time; fleet and people were given."),
        (["sql", "delete from events"], "One read-only question was expected, such as select …; DELETE was given."),
        (["sql", "select nope from events"], 'Referenced column "nope" not found'),
        (["sql", "select 1", "--json", "--csv"], "Give one of --json, --csv and --parquet."),
        (["sql", "select 1", "--parquet", "/nowhere/x.parquet"], "/nowhere is not a folder; make it first"),
        (["sql", "select 1", "--parquet", "/tmp"], "/tmp is a folder; the name of a file was expected"),
        (["sql", "select '\udcff'"], "select '\\xff' is not UTF-8"),
        (["ask", "outcomes_by_action", "--since", "2026-02-01", "--until", "2026-01-01"], "must begin before it ends"),
        (["sql", "select * from read_text('/etc/hostname')"], "may read what is not in the store"),
        (["publish", "/nowhere/x.duckdb"], "/nowhere is not a folder; make it first"),
        (["sample", "build/none", "--days", "1"], "days is 1; the planted stories need at least"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_2(
    store: Store, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert sentence in refusal(capsys)


@pytest.mark.parametrize("words", [["status"], ["sql", "select 1"], ["ask", "fleet"], ["publish", "x.duckdb"]])
def test_readers_of_no_store_are_told_to_load_logs(
    settings: Settings, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert "load logs first: python -m pipeline ingest sample_logs" in refusal(capsys)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("INGEST_EVERY", "5min", "PROVISIONING_INGEST_EVERY is '5min'; give whole numbers, such as 300."),
        ("FILES", "", "PROVISIONING_FILES is ''; give a path on this machine, or leave the variable out."),
        ("STORE", "ducklake:sqlite:", "PROVISIONING_STORE is 'ducklake:sqlite:'; give ducklake:sqlite:FILE."),
        ("THREADS", "0", "PROVISIONING_THREADS is '0'; give 1 or more."),
        ("THREADS", "99999", "PROVISIONING_THREADS is '99999'; give at most 1024."),
        ("MEMORY", "abc", "; give a size or a share, such as 1GB or 50%."),
        ("MEMORY", "1KB", "cannot be opened: Out of Memory Error"),
    ],
)
def test_a_wrong_setting_is_a_sentence(
    store: Store,
    name: str,
    value: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"PROVISIONING_{name}", value)
    assert run(["sql", "select 1"]) == 2
    assert sentence in refusal(capsys)


def test_settings_know_the_users_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/ada")
    here = read_settings(store="ducklake:sqlite:~/lake.sqlite", files="~/files")
    assert (str(here.catalog_file), str(here.folder)) == ("/srv/ada/lake.sqlite", "/srv/ada/files")


def test_words_that_are_no_command_exit_2_without_a_traceback(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ingets"]) == 2
    assert "No such command 'ingets'" in capsys.readouterr().err


def test_sql_gives_the_same_rows_as_json_csv_and_parquet(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_events(store, 0, 7)
    question = "select event_id, occurred_at, duration_ms, upn from events order by event_id"
    assert run(["sql", question, "--json"]) == 0
    rows = document(capsys)
    assert rows[1] == {"event_id": "event-1", "occurred_at": "2026-01-05T00:01:00Z", "duration_ms": 100, "upn": None}
    assert run(["sql", question, "--csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert lines == [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    assert run(["sql", question, "--parquet", str(tmp_path / "answer.parquet")]) == 0
    kept = pq.read_table(tmp_path / "answer.parquet").to_pylist()
    assert [row["event_id"] for row in kept] == [row["event_id"] for row in rows]
    assert kept[1]["occurred_at"] == datetime(2026, 1, 5, 0, 1)


def test_json_holds_every_type_that_an_answer_can_have(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    question = """select 1::hugeint as big, 0.5::decimal(4, 2) as part, 'nan'::double as no_number,
        date '2026-01-05' as day, timestamp 'infinity' as never, timestamptz '2026-01-05 12:00:00+02' as zoned,
        'a\\xFF'::blob as raw, [1, null] as list, {'at': timestamp '2026-01-05 12:00:00.5'} as nested,
        interval 90 second as span, map {'a': 1} as pairs, 1 as big"""
    assert run(["sql", question, "--json"]) == 0
    assert document(capsys) == [
        {
            "big": 1,
            "part": 0.5,
            "no_number": None,
            "day": "2026-01-05",
            "never": None,
            "zoned": "2026-01-05T10:00:00Z",
            "raw": "a\\xff",
            "list": [1, None],
            "nested": {"at": "2026-01-05T12:00:00.500Z"},
            "span": "P0M0DT90S",
            "pairs": {"a": 1},
            "big_12": 1,
        }
    ]


def test_an_answer_without_rows_is_an_empty_list_and_a_header(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sql", "select event_id from events", "--json"]) == 0
    assert document(capsys) == []
    assert run(["sql", "select event_id from events", "--csv"]) == 0
    assert capsys.readouterr().out == "event_id\n"
    assert run(["sql", "select event_id from events"]) == 0
    assert "event_id" in capsys.readouterr().out


def test_a_terminal_shows_a_table_that_says_how_much_more_there_is() -> None:
    page = drawn(pa.table({"n": list(range(60)), "at": [datetime(2026, 1, 5, 12)] * 60}))
    assert "2026-01-05 12:00:00Z" in page
    assert "… and 10 more rows; --csv, --json or --parquet FILE give all of them." in page


def test_a_terminal_too_narrow_for_the_columns_shows_one_record_below_another() -> None:
    wide = pa.table({f"column_{number}": [f"value {number}"] for number in range(30)} | {"empty": [None]})
    lines = drawn(wide).splitlines()
    assert any(line.split() == ["column_29", "value", "29"] for line in lines)
    assert not any("empty" in line for line in lines)


def test_text_from_logs_cannot_move_the_terminals_cursor() -> None:
    assert "\x1b" not in drawn(pa.table({"name": ["\x1b[2Jgone [bold]kept[/bold]"]}))
    assert "[bold]kept[/bold]" in drawn(pa.table({"name": ["\x1b[2Jgone [bold]kept[/bold]"]}))


def test_a_program_that_reads_a_table_gets_every_row_on_a_line(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    add_events(store, 0, 120)
    assert run(["sql", "from events"]) == 0
    assert len([line for line in capsys.readouterr().out.splitlines() if "event-" in line]) == 120


def test_a_reader_that_has_had_enough_is_no_failure(store: Store) -> None:
    add_events(store, 0, 2000)
    with command("sql", "from events", "--csv") as asking:
        assert asking.stdout is not None
        assert asking.stderr is not None
        asking.stdout.close()
        assert (asking.wait(60), asking.stderr.read()) == (0, "")


def test_status_tells_of_the_store_and_each_source(
    store: Store, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["ingest", str(logs)])
    capsys.readouterr()
    assert run(["status", "--json"]) == 1
    told = document(capsys)
    assert (told["revision"], told["events"], told["rejects"]) == (store.revision(), 2, 1)
    assert told["newest_event_at"] == "2026-01-05T12:00:00Z"
    assert [source["source"] for source in told["sources"]] == ["graph"]
    assert (told["beats_run_by"], told["open_incidents"], told["beats"]) == (None, [], [])
    assert run(["status"]) == 1
    printed = capsys.readouterr().out
    assert "2 events; the newest is of 5 Jan 2026, 12:00 UTC" in printed
    assert "Background jobs are not running" in printed


def test_a_closed_stream_and_another_encoding_end_no_command(store: Store, logs: Path) -> None:
    named = logs.rename(logs.with_name("é.ndjson"))
    program = f"{sys.executable} -m pipeline"
    shell = f"{program} sql 'select 1' --csv >&-; echo $?; PYTHONIOENCODING=ascii {program} ingest - {named} --json <&-"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, check=False)
    code, read = done.stdout.decode().split("\n", 1)
    assert (code, done.returncode, done.stderr) == ("0", 1, b"")
    assert [Path(file["file"]).name for file in json.loads(read)["files"]] == ["-", "é.ndjson"]


@pytest.fixture
def heeding_ctrl_c() -> Iterator[None]:
    """Python's own handling of SIGINT, which the processes that run tests side by side ignore."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("heeding_ctrl_c")
def test_ctrl_c_during_a_statement_ends_the_command_and_is_no_fault_of_what_is_read(
    store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    """DuckDB raises a RuntimeError in place of KeyboardInterrupt: whole files became rejects of it."""
    endless = "select count(*) from range(200000000000) t(a) where a % 7 = 3"
    press = partial(os.kill, os.getpid(), signal.SIGINT)

    def attempt(_items: Sequence[int]) -> None:
        Timer(0.2, press).start()
        store.rows(endless)

    with pytest.raises(RuntimeError, match="interrupted"):
        faults_of([1, 2], attempt)
    Timer(2, press).start()
    assert (run(["sql", endless, "--json"]), capfd.readouterr().err) == (130, "")


def test_status_exits_1_for_an_open_incident_and_0_when_it_is_closed(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write(lambda cursor: cursor.execute("insert into incidents (incident_id, rule) values ('i', 'quarantine')"))
    assert run(["status"]) == 1
    store.write(lambda cursor: cursor.execute("update incidents set closed_at = timestamp '2026-01-05'"))
    assert run(["status"]) == 0


def test_publish_and_maintain_say_what_they_did(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for batch in range(10):
        add_events(store, batch * 10, 10)
    assert run(["maintain", "--dry-run", "--json"]) == 0
    assert {"chore": "merge", "subject": "events", "amount": 10, "unit": "files"} in document(capsys)["done"]
    assert run(["maintain"]) == 0
    assert "merge of events: 10 files" in capsys.readouterr().out
    assert run(["maintain"]) == 0
    assert capsys.readouterr().out == "Nothing to do.\n"
    assert run(["publish", str(tmp_path / "x.duckdb"), "--json"]) == 0
    assert document(capsys)["bytes"] == (tmp_path / "x.duckdb").stat().st_size


def test_sample_writes_a_tenant_and_its_answer_key(settings: Settings, tmp_path: Path) -> None:
    assert (
        run(["sample", str(tmp_path / "tenant"), "--seed", "3", "--users", "40", "--groups", "4", "--days", "10"]) == 0
    )
    assert (tmp_path / "tenant" / "answers.json").exists()


def test_what_nobody_foresaw_is_logged_with_its_traceback_and_exits_2(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Settings:
        raise ZeroDivisionError("nobody foresaw it")

    monkeypatch.setattr("pipeline.commands.status.read_settings", fail)
    assert run(["status"]) == 2
    assert "ZeroDivisionError: nobody foresaw it" in caplog.text


def test_the_module_runs_as_a_program(store: Store) -> None:
    assert ended(command("sql", "select 1 as one", "--json")) == (0, '[{"one": 1}]\n', "")
    code, out, err = ended(command("sql", "selct"))
    assert (code, out, err.count(os.linesep)) == (2, "", 1)


def test_words_after_ask_may_stand_in_any_order() -> None:
    assert read_words(["--limit=3", "people", "--job", "scim.cerby"]) == ("people", {"limit": "3", "job": "scim.cerby"})
    with pytest.raises(InvalidRequest):
        read_words(["people", "--limit"])
