"""What every test may ask for: a lake of its own, the settings that point to it, and builders that fill it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config.settings import Settings, read_settings
from pipeline.store.lake import DUCKDB_OPTIONS, Store, open_store
from tests.support.given import Given
from tests.support.lakes import copied
from tests.support.postgres import Server, running

TESTS = Path(__file__).parent
SLOW = {
    "benchmarks": "grown",
    "collect": "blobs configuration graph inbox poll preflight",
    "commands": "check_and_backtest commands sample_command",
    "demo": "demo standin",
    "docs": "recipes tour",
    "ingest": "bounds file_states files formats interrupted isolation jobs landings opened_file request_cases "
    "request_keys request_products spellings",
    "fuzz": "fuzz",
    "maintenance": "backup chores nothing_is_destroyed publish repair repair_on_postgres scrub verify",
    "model": "attribute_blame completeness cycles expiry_cost forecast groups leavers load_aggregates matching "
    "pending_retries progress quarantine",
    "monitoring": "job_troubles status",
    "notify": "deliver deliver_machines digest outbox",
    "queries": "queries tenants",
    "rules": "group_rule instants root_cause rules token_expiry verdict",
    "sample": "answer_key",
    "scenarios": "claims small_worlds worlds",
    "scheduler": "scheduler",
    "store": "concurrency fence kills lake_notes machines migrate power_cuts result_cache small_commits store",
    "views": "browser connections_page cycles_page incidents issues_page overview_page pages quarantine_page "
    "query_page rules_page settings_pages sources_page story_page verdict_pages",
    "views/frame": "state",
}
"Files that `make test-fast` leaves out, by folder: they run many processes, a browser, servers, or many stores."

# Most tests ask many questions of few rows, where a second core costs a third more time than it saves.
os.environ.setdefault("PROVISIONING_THREADS", "1")

# DuckDB checks the signature of each extension at every opening: 0.3 s of processor time, and tests open thousands of
# stores. What is checked in the product, in processes of its own, tests/store/test_store.py holds.
DUCKDB_OPTIONS["allow_unsigned_extensions"] = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of slow files and runs these files first; single slow tests elsewhere carry the mark themselves.

    A long file that begins last keeps one process busy while the others have nothing left to do.
    """
    slow = {TESTS / room / f"test_{name}.py" for room, names in SLOW.items() for name in names.split()}
    absent = sorted(str(file) for file in slow if not file.exists())
    if absent:
        raise pytest.UsageError(f"tests/conftest.py: SLOW names {', '.join(absent)}; correct it")
    for item in items:
        if item.path in slow:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets DuckDB read and write with several threads, however many cores there are, where order might suffer."""
    monkeypatch.setenv("PROVISIONING_THREADS", "4")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Points PROVISIONING_* to a folder of the test's own."""
    monkeypatch.setenv("PROVISIONING_STORE", f"ducklake:sqlite:{tmp_path}/catalog.sqlite")
    monkeypatch.setenv("PROVISIONING_INBOX", str(tmp_path / "inbox"))
    monkeypatch.delenv("PROVISIONING_FILES", raising=False)
    return read_settings(_env_file=None)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An empty lake, made once: making its tables and views takes longer than what most tests do with them."""
    blank = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path_factory.mktemp('blank')}/catalog.sqlite")
    open_store(blank).close()
    return blank


@pytest.fixture
def store(settings: Settings, blank: Settings) -> Iterator[Store]:
    """An empty lake."""
    copied(blank, settings)
    store = open_store(settings)
    yield store
    store.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server, for catalogs; tests take a database of their own, and leave it running."""
    with running() as server:
        yield server


@pytest.fixture
def given(store: Store) -> Given:
    """A lake to be filled in words: `given.failed("ada", hour=9)`."""
    return Given(store)
