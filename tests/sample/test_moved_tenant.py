"""The sample tenant moved to end at an instant: the same tenant, later, with one cycle running and one just over."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.clock import wall_clock
from pipeline.config.settings import read_settings
from pipeline.ingest.files import ingest
from pipeline.maintenance.pairing import pair
from pipeline.sample import imagine, write_tenant
from pipeline.sample.answers import World
from pipeline.store.lake import Store, open_store
from pipeline.store.present import as_of, present_after_data
from tests.support.given import Given

SIZE = {"seed": 7, "users": 50, "groups": 6, "days": 14}
END = datetime(2026, 3, 18, 15, 41, 7, tzinfo=UTC)
"A Wednesday afternoon; the fixed dates end with a Sunday."
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def fixed() -> World:
    """The tenant on its fixed dates."""
    return imagine(**SIZE)


@pytest.fixture(scope="module")
def moved() -> World:
    """The tenant, moved."""
    return imagine(**SIZE, move_to=END)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The moved tenant's logs."""
    return write_tenant(tmp_path_factory.mktemp("moved"), **SIZE, move_to=END).parent


@pytest.fixture(scope="module")
def store(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of them."""
    lake = tmp_path_factory.mktemp("lake")
    opened = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{lake}/catalog.sqlite"))
    ingest(opened, [folder])
    pair(opened)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "at",
    [END, END.replace(tzinfo=None), END + timedelta(microseconds=9), datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
     datetime(2028, 2, 29, 0, 0, tzinfo=UTC), datetime(2026, 1, 25, 23, 38, tzinfo=UTC)],
)  # fmt: skip
def test_every_event_and_request_is_later_by_one_span_and_otherwise_the_same(fixed: World, at: datetime) -> None:
    moved = imagine(**SIZE, move_to=at)
    span = moved.timeline.moved
    assert span is not None
    before = {event.key: event for event in fixed.events}
    same = [event for event in moved.events if event.key in before]
    assert len(same) == len(fixed.events)
    for event in same:
        old = before[event.key]
        assert (event.at - old.at, event.cycle_id, event.steps, event.target_id) == (
            span, old.cycle_id, old.steps, old.target_id,
        )  # fmt: skip
    requests = {each.request_id: each for each in moved.exchanges}
    assert all(requests[each.request_id].at - each.at == span for each in fixed.exchanges)
    assert all(event.at < moved.timeline.until for event in moved.events)


def test_one_job_was_restarted_and_another_has_just_ended_a_cycle(moved: World, fixed: World) -> None:
    _, contoso, fabrikam = moved.histories
    assert contoso[-1].began >= END - 5 * MINUTE and contoso[-1].ended < END and len(contoso[-1].events) >= 8
    running = fabrikam[-1]
    assert (running.restarted, running.began, running.ended > END) == (True, END - 20 * MINUTE, True)
    assert fabrikam[-2].ended < running.began
    done = {event.key for event in running.events if event.at < END}
    assert 0.2 < len(done) / len(running.events) < 0.8
    assert {event.key for event in moved.events} >= done
    assert len({event.intent.subject.source_id for event in running.events}) == len(running.events)
    assert not any(cycle.restarted for history in fixed.histories for cycle in history)


def test_files_are_named_by_the_days_they_are_of_and_nothing_in_them_is_later_than_the_end(folder: Path) -> None:
    names = sorted(json.loads((folder / "answers.json").read_text("utf-8"))["files"])
    assert not [name for name in names if "2026-01" in name or "m=01" in name]
    assert next(name for name in names if name.startswith("graph/")) == "graph/cerby-2026-03-04.ndjson.gz"
    seen = [json.loads(line) for line in lines(folder / "jobs/job-status-2026-03-11.jsonl.gz")]
    assert max(document["observedAt"] for document in seen) == "2026-03-18T15:41:07Z"
    plain = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".gz", ".zip")]
    fixed = (b"2026-01-", b"2026/01/", b"Jan/2026")
    assert len(plain) > 50 and not [path for path in plain for text in fixed if text in path.read_bytes()]


def lines(path: Path) -> list[str]:
    """Returns a compressed file's lines."""
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def test_another_move_takes_the_place_of_the_first_and_touches_no_other_file(tmp_path: Path) -> None:
    own, outside = tmp_path / "logs" / "own.json", tmp_path / "outside.json"
    write_tenant(tmp_path / "logs", **SIZE, move_to=END)
    own.write_text("{}")
    outside.write_text("{}")
    key = tmp_path / "logs" / "answers.json"
    listed: dict[str, Any] = json.loads(key.read_text("utf-8"))
    key.write_text(json.dumps(listed | {"files": listed["files"] | {"../outside.json": {}}}))
    write_tenant(tmp_path / "logs", **SIZE, move_to=END + timedelta(days=40))
    assert own.exists() and outside.exists()
    left = {str(path.relative_to(tmp_path / "logs")) for path in (tmp_path / "logs").rglob("*") if path.is_file()}
    assert left == {*json.loads(key.read_text("utf-8"))["files"], "answers.json", "own.json"}


def test_the_answer_key_holds_for_the_store(folder: Path, store: Store) -> None:
    key = json.loads((folder / "answers.json").read_text("utf-8"))
    counted = {
        name: store.rows(f"select count(*) from {name}")[0][0]
        for name in ("events", "steps", "changes", "identities", "exchanges", "job_snapshots", "rejects")
    }
    assert counted == {name: key["totals"][name] for name in counted}
    for job, expected in key["identities"].items():
        states = dict(store.rows(f"select state, count(*) from identities where job_id = '{job}' group by all"))
        assert {"all": sum(states.values()), **states} == expected
    [quarantine] = [one["facts"] for one in key["planted"] if one["story"] == "quarantine_open"]
    [(began,)] = store.rows("select max(quarantine_since) from job_snapshots")
    assert f"{began:%Y-%m-%dT%H:%M:%SZ}" == quarantine["began_at"]


def test_the_running_cycle_has_a_percentage_and_a_band_and_is_unknown_later(store: Store, moved: World) -> None:
    given, end = Given(store), END.replace(tzinfo=None)
    assert as_of(store) == end
    rows = {row["app_name"]: row for row in given.answer("progress", as_of=end)}
    running = rows["Fabrikam Desk"]
    of = moved.histories[2][-1].events
    done = sum(event.at < END for event in of)
    assert (running["rhythm"], running["kind"], running["objects_done"]) == ("running", "restarted", done)
    assert running["progress_share"] == pytest.approx(done / len(of))
    assert running["pages_share"] == pytest.approx(done / len(of))
    assert end < running["ends_low_at"] < running["ends_at"] < running["ends_high_at"] < end + 90 * MINUTE
    assert (rows["Contoso Docs"]["rhythm"], rows["Cerby"]["rhythm"]) == ("on_time", "quarantined")
    assert end - 5 * MINUTE < rows["Contoso Docs"]["since"] < end
    for later, rhythm in ((10, "running"), (60, "unknown"), (1440, "unknown")):
        found = {row["app_name"]: row for row in given.answer("progress", as_of=end, now=end + later * MINUTE)}
        assert found["Fabrikam Desk"]["rhythm"] == rhythm
        assert found["Contoso Docs"]["rhythm"] == ("on_time" if later == 10 else "unknown")
        assert found["Cerby"] == rows["Cerby"]
    assert found["Contoso Docs"]["explanation"].endswith(", and it is unknown whether another followed.")


@pytest.mark.parametrize(("minutes", "after"), [(0.5, None), (60, END + 60 * MINUTE), (1500, None)])
def test_the_present_is_after_the_data_where_nothing_newer_comes(
    store: Store, monkeypatch: pytest.MonkeyPatch, minutes: float, after: datetime | None
) -> None:
    clock = f"{(END + minutes * MINUTE).isoformat()},1,{datetime.now(UTC).isoformat()}"
    monkeypatch.setattr(store.settings, "clock", clock)
    assert present_after_data(store) == (after and after.replace(second=0, tzinfo=None))


def test_the_present_is_not_after_data_that_comes_by_itself(given: Given) -> None:
    present = wall_clock(given.store.settings)
    given.event("ada", "success", present - 5 * MINUTE)
    assert present_after_data(given.stored()) is not None
    feed = {"tenant": "contoso", "feed": "events", "outcome": "ok", "failures": 0, "detail": ""}
    given.rows["contacts"].append(feed | {"reached_at": present, "tried_at": present, "requests": 1})
    assert present_after_data(given.stored()) is None


def test_a_tenant_on_its_fixed_dates_is_looked_at_as_before(fixed: World) -> None:
    assert replace(fixed.timeline, moved=None) == fixed.timeline
    assert fixed.timeline.days == 14
