"""The evidence pack: what is in it, what it may call itself, and that no byte of it changes unseen."""

import csv
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pyarrow as pa
import pytest

from pipeline.__main__ import run
from pipeline.config.settings import read_settings
from pipeline.evidence.answers import JobAnswers
from pipeline.evidence.pack import make
from pipeline.evidence.seal import MANIFEST, Stream, chained, check, info_of, manifest_text
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, moment
from tests.support.given import job_id as job

WINDOW = (moment(), moment(2))
ReadOutput = Callable[[], tuple[str, str]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> ReadOutput:
    """Returns what was printed since the last call, on stdout and stderr."""

    def read() -> tuple[str, str]:
        out = capsys.readouterr()
        return out.out, out.err

    return read


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """In Cerby ada is out and bob is not, each hour of Entra's side vouched for; in Zoom some hours are not."""
    catalog = tmp_path_factory.mktemp("lake") / "catalog.sqlite"
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{catalog}"))
    given = Given(store)
    given.disabled("ada", 0, 9)
    given.failed("bob", 0, 10, action="disable", reason='<b>no</b>, "no",\nno')
    given.disabled("ada", 0, 9, 30, app="Zoom")
    given.exchanged(
        "PATCH", "/Users/target-ada", 200, moment(0, 9), app_id="app-cerby", resource_id="target-ada",
        operation="disable", request_body='{"active": false}',
    )  # fmt: skip
    given.vouched(moment(), moment(2), "Cerby")
    given.vouched(moment(0, 10), moment(1), "Zoom")
    yield given.stored()
    store.close()


def build(
    store: Store, file: Path, app: str = "Cerby", since: datetime = WINDOW[0], until: datetime = WINDOW[1]
) -> Path:
    """Writes a pack."""
    make(store, app, since, until, file, lambda _: None)
    return file


@pytest.fixture(scope="module")
def pack(lake: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cerby's pack, which nobody changes."""
    return build(lake, tmp_path_factory.mktemp("packs") / "pack.zip")


def read(pack: Path, name: str) -> str:
    with ZipFile(pack) as opened:
        return opened.read(name).decode()


def rows(pack: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read(pack, f"job-1/{name}.csv"))))


def faults(pack: Path) -> tuple[str, ...]:
    """Gives what a check finds."""
    return check(pack, lambda _: None).faults


def rewritten(made: Path, pack: Path, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> Path:
    """Writes the pack's files anew, changed."""
    with ZipFile(pack) as opened:
        files = [(name, opened.read(name)) for name in opened.namelist()]
    with ZipFile(made, "w", ZIP_STORED) as out:
        for name, held in change(files):
            out.writestr(name, held)
    return made


def test_a_pack_holds_questions_rows_of_both_sides_and_is_as_it_was_sealed(pack: Path, printed: ReadOutput) -> None:
    assert [row["name"] for row in rows(pack, "leavers_active")] == ["bob@example.com"]
    assert [row["event_id"] for row in rows(pack, "evidence_events")] == ["event-1", "event-2"]
    assert rows(pack, "evidence_events")[1]["reason"] == '<b>no</b>, "no",\nno'
    assert [row["request_body"] for row in rows(pack, "evidence_exchanges")] == ['{"active": false}']
    assert [row["exchange_id"] for row in rows(pack, "evidence_matches")] == ["exchange-0"]
    assert read(pack, "questions/leavers_active.sql").startswith("-- Who has left, and still has an account in use?")
    printed()
    assert run(["verify", str(pack)]) == 0
    output, _ = printed()
    assert "as it was sealed" in output and "the SHA-256 and place of 30 files, the chain over them" in output


def test_two_packs_of_one_revision_are_the_same_bytes_by_name_and_by_job(
    lake: Store, pack: Path, tmp_path: Path
) -> None:
    assert build(lake, tmp_path / "again.zip", job("Cerby").upper()).read_bytes() == pack.read_bytes()


def test_only_a_side_of_which_every_hour_is_covered_is_called_complete(pack: Path) -> None:
    told = read(pack, "README.md")
    assert "**Entra (provisioning logs): complete.** Each of the 48 hours is covered by what was read." in told
    assert "**The app (SCIM requests): unknown.**" in told
    assert json.loads(read(pack, MANIFEST))["known"] == {"events": "complete", "exchanges": "unknown"}


def test_a_period_with_gaps_is_refused_the_word_complete_and_says_which_hours(lake: Store, tmp_path: Path) -> None:
    pack = build(lake, tmp_path / "zoom.zip", "zoom")
    told = read(pack, "README.md")
    assert not re.search(r"\bcomplete\b", told.lower())
    assert "Of 48 hours 1 are partial (something may be missing) and 33 are unknown" in told
    assert "19 Jan 2026, 00:00 UTC until 19 Jan 2026, 09:00 UTC: unknown" in told
    assert "19 Jan 2026, 09:00 UTC until 19 Jan 2026, 10:00 UTC: partial" in told
    assert "20 Jan 2026, 00:00 UTC until 21 Jan 2026, 00:00 UTC: unknown" in told
    assert json.loads(read(pack, MANIFEST))["known"]["events"] == "partial"


def test_a_changed_byte_is_found_and_told_by_its_file(pack: Path, tmp_path: Path) -> None:
    whole = pack.read_bytes()
    with ZipFile(pack) as opened:
        starts = {info.filename: info for info in opened.infolist()}
    changed = tmp_path / "changed.zip"
    for name, info in starts.items():
        begin = info.header_offset + 30 + len(name) + 20
        size = info.compress_size
        for at in {begin, begin + size // 2, begin + size - 1} if size else ():
            changed.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert any(fault.startswith(name) for fault in faults(changed)), (name, at)


def test_a_pack_is_whole_also_where_another_zlib_would_deflate_it_otherwise(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(method: int, _level: object = None) -> object:
        return zlib.compressobj(1, zlib.DEFLATED, -15) if method == ZIP_DEFLATED else None

    monkeypatch.setattr("zipfile._get_compressor", another)
    assert faults(pack) == ()


def test_a_pack_of_the_first_form_is_checked_as_it_was(tmp_path: Path) -> None:
    files = [("README.md", b"# Evidence"), ("job-1/evidence_events.csv", b"event_id\nevent-1\n")]
    listed = list(chained((name, sha256(held).hexdigest(), len(held), None) for name, held in files))
    text = manifest_text({"form": "provisioning evidence 1", "files": listed})
    made = tmp_path / "first.zip"
    with made.open("wb") as out, ZipFile(Stream(out.write), "w") as first:  # type: ignore[call-overload]
        for name, held in [*files, (MANIFEST, text.encode())]:
            with first.open(info_of(name, ZIP_STORED), "w", force_zip64=True) as member:
                member.write(held)
    assert faults(made) == ()
    made.write_bytes(made.read_bytes().replace(b"event-1", b"event-2"))
    assert [fault.partition(" ")[0] for fault in faults(made)] == ["job-1/evidence_events.csv"]


def test_a_summary_keeps_no_more_of_a_long_answer_than_it_names() -> None:
    batch = pa.record_batch({"event_id": [f"event-{number}" for number in range(40)]})
    answers = JobAnswers()
    rows = answers.passing("evidence_events", pa.RecordBatchReader.from_batches(batch.schema, [batch] * 100))
    assert sum(one.num_rows for one in rows) == 4000
    assert (answers.counts["evidence_events"], len(answers.rows["evidence_events"])) == (4000, 50)


def test_a_changed_byte_between_the_files_is_found_too(pack: Path, tmp_path: Path) -> None:
    whole = pack.read_bytes()
    changed = tmp_path / "changed.zip"
    with ZipFile(pack) as opened:
        begin = opened.start_dir
        headers = [info.header_offset for info in opened.infolist()[:4]]
    for at in [*range(begin, len(whole), 97), *(offset + 10 for offset in headers), len(whole) - 1]:
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        assert faults(changed) != (), at


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: files[:2] + files[3:], "questions/leavers_active.sql is missing."),
        (lambda files: [*files, ("extra.csv", b"x")], "extra.csv was added; the manifest knows no such file."),
        (lambda files: [files[1], files[0], *files[2:]], "questions/leaver_cases.sql is not in its place"),
        (lambda files: files[:-1], "manifest.json is missing."),
    ],
)
def test_a_file_that_was_removed_added_or_moved_is_named(
    pack: Path, tmp_path: Path, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]], words: str
) -> None:
    assert any(fault.startswith(words) for fault in faults(rewritten(tmp_path / "changed.zip", pack, change)))


def test_files_that_are_the_same_in_a_zip_packed_anew_are_not_the_sealed_pack(pack: Path, tmp_path: Path) -> None:
    [fault] = faults(rewritten(tmp_path / "changed.zip", pack, lambda files: files))
    assert "no file of it, but the zip itself" in fault


def test_a_rewritten_manifest_is_found(pack: Path, tmp_path: Path) -> None:
    def forge(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [(name, held.replace(b"unknown", b"complete") if name == MANIFEST else held) for name, held in files]

    assert faults(rewritten(tmp_path / "changed.zip", pack, forge)) == (
        f"{MANIFEST} was changed: it does not match its own seal.",
    )


def test_a_zip_cut_short_and_a_file_that_is_none_fail_in_a_sentence(
    pack: Path, tmp_path: Path, printed: ReadOutput
) -> None:
    short, none = tmp_path / "short.zip", tmp_path / "none.zip"
    short.write_bytes(pack.read_bytes()[:-400])
    none.write_text("hello")
    printed()
    assert [run(["verify", str(file)]) for file in (short, none, tmp_path / "absent.zip")] == [1, 1, 2]
    out, err = printed()
    assert "short.zip: the zip is damaged or cut short" in out
    assert "none.zip: it is no zip file" in out
    assert "absent.zip is no file" in err


def test_a_pack_made_anew_has_another_seal_than_the_one_noted(pack: Path, printed: ReadOutput) -> None:
    seal = str(check(pack, lambda _: None).seal)
    assert run(["verify", str(pack), "--seal", seal]) == 0
    assert run(["verify", str(pack), "--seal", "0" * 64]) == 1
    assert "it is another pack, or was made anew" in printed()[0]


def test_a_period_without_events_is_a_pack_that_says_so(lake: Store, tmp_path: Path) -> None:
    pack = build(lake, tmp_path / "empty.zip", since=moment(20), until=moment(21))
    assert rows(pack, "evidence_events") == []
    assert "No disable or delete of this period was read." in read(pack, "README.md")
    assert "Unknown whether all leavers are removed: " in read(pack, "README.md")
    assert faults(pack) == ()


def test_words_that_do_not_fit_are_refused_with_the_nearest_that_do(
    lake: Store, tmp_path: Path, printed: ReadOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", lake.settings.store)

    def refused(*words: str, out: str = "pack.zip") -> str:
        assert run(["evidence", *words, str(tmp_path / out)]) == 2
        assert list(tmp_path.iterdir()) == []
        return printed()[1]

    assert "No app in the store is called 'Cebry'; did you mean Cerby?" in refused("--app", "Cebry")
    assert "Known are: Cerby, Zoom." in refused("--app", "qqq")
    assert "must begin before it ends" in refused("--app", "Cerby", "--since", "2026-02-02", "--until", "2026-02-01")
    assert "is no instant" in refused("--app", "Cerby", "--since", "soon")
    assert "is not a folder; make it first" in refused("--app", "Cerby", out="absent/pack.zip")


def test_the_command_says_how_well_each_side_is_known_and_which_seal_to_note(
    lake: Store, pack: Path, tmp_path: Path, printed: ReadOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", lake.settings.store)
    made = tmp_path / "made.zip"
    assert run(["evidence", "--app", "cerby", "--since", "2026-01-19", "--until", "2026-01-21", str(made)]) == 0
    output, _ = printed()
    assert "Coverage of provisioning logs: complete, of the app's SCIM log: unknown" in output
    assert str(check(pack, lambda _: None).seal) in output
    assert made.read_bytes() == pack.read_bytes()
