"""Records that other people published: each is kept or rejected with a reason that a person understands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config.settings import read_settings
from pipeline.ingest.files import FileResult
from pipeline.store.lake import Store, open_store
from tests.support.loads import read, rows, tally

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the published records are not beside the project")
PUBLISHED = ("graph", "scim")
KEPT = {
    "graph/event-escrow_retry_conflict.json": 1,
    "graph/events-page-failure.json": 1,
    "graph/job-2019.json": 1,
    "graph/job-never_run.json": 1,
    "graph/job-quarantine_empty_dates.json": 1,
    "scim/scimserver/recent-logs-response.json": 3,
    "scim/scimserver/structured-log-entry.json": 1,
}
WHY = {
    "graph/events-page-create-trailing_comma.json": "is not JSON at line",
    "graph/on_demand-nested_json_strings.json": "is the answer to a provision-on-demand request",
    "scim/entra_documented/": "time is missing; an ISO 8601 instant was expected",
    "scim/scimserver/": "",
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, FileResult]]]:
    """The fixtures in a lake, and what each file gave."""
    folder = tmp_path_factory.mktemp("fixtures")
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    yield store, published(store)
    store.close()


def published(store: Store) -> dict[str, FileResult]:
    """What each published record gave; worlds and cases beside them are other tests' business."""
    return {f"{part}/{name}": file for part in PUBLISHED for name, file in read(store, FIXTURES / part).items()}


def test_every_file_is_kept_or_rejected_with_a_reason(loaded: tuple[Store, dict[str, FileResult]]) -> None:
    store, found = loaded
    said = {row["file"]: row["reason"] for row in rows(store, 'select "file", reason from rejects')}
    for name, file in found.items():
        assert file.lines > 0 and (file.kept == KEPT.get(name, 0)), (name, file)
        if name not in KEPT:
            reason = said[str((FIXTURES / name).resolve())]
            words = next(words for begin, words in WHY.items() if name.startswith(begin))
            assert words in reason and reason.startswith(Path(name).name), reason
    assert set(KEPT) <= set(found)


def test_a_second_run_finds_nothing_new(loaded: tuple[Store, dict[str, FileResult]]) -> None:
    store, _ = loaded
    before = store.revision()
    assert {tally(file) for file in published(store).values()} == {(0, 0, 0, 0)}
    assert store.revision() == before


def test_the_real_escrow_retry_tells_what_the_target_answered(loaded: tuple[Store, dict[str, FileResult]]) -> None:
    [row] = rows(loaded[0], "from events where action = 'create' and upn is not null or scim_type = 'uniqueness'")
    assert (row["status"], row["http_status"], row["scim_type"], row["retry_count"]) == (
        "failure",
        409,
        "uniqueness",
        1,
    )
    assert row["scim_detail"].startswith("unclaimed user already exists")


def test_jobs_tell_sentinels_from_facts(loaded: tuple[Store, dict[str, FileResult]]) -> None:
    told = "state, last_state, interval_s, quarantine_since, error_code"
    asked = f"select {told} from job_snapshots order by state, error_code"
    assert [tuple(row.values()) for row in rows(loaded[0], asked)] == [
        ("NotRun", None, 2400, None, None),
        ("Paused", None, None, None, "SalesforceInvalidCredentials"),
        ("Paused", None, None, None, None),
    ]


def test_three_lines_of_one_request_are_one_exchange(loaded: tuple[Store, dict[str, FileResult]]) -> None:
    asked = "select method, http_status, duration_ms, operation from exchanges where http_status is not null"
    assert rows(loaded[0], asked) == [{"method": "POST", "http_status": 201, "duration_ms": 17, "operation": "create"}]
