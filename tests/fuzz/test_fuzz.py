"""Whatever arrives by whatever route: no traceback, every line accounted for, no good neighbour lost, every page drawn.

500 damaged records; `FUZZ=20000 pytest tests/fuzz`, as in `make test-deep`, tries as many as it says, others each time.
"""

import gzip
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from pipeline.config.settings import Settings, read_settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import Store, open_store
from tests.fuzz.logs import Log, logs
from tests.fuzz.routes import FILE_ROUTES, NAMES, ROUTES, written
from tests.support.lakes import copied
from tests.support.pages import app, healthy
from tests.support.shapes import event, lines
from views.app import PAGES

USUAL = 500
INPUTS = int(os.environ.get("FUZZ", USUAL))
TOGETHER = 40 if INPUTS <= USUAL else 100
"Damaged records a file: what is told of one is told of all, and a load costs as much as a hundred of them."
FOLDERS = count(1)
IDS = {"events": "event_id", "exchanges": "coalesce(request_id, path)", "job_snapshots": "job_id"}
WITHOUT_IDENTITY = """
select event_id from events where event_id is null or occurred_at is null
union all
select exchange_id from exchanges where exchange_id is null or occurred_at is null or "path" is null
union all
select job_id from job_snapshots where job_id is null or observed_at is null
"""
TABLES = """
select table_name, column_name, data_type from duckdb_columns()
where database_name = current_database() and table_name in (select table_name from duckdb_tables())
"""


@pytest.fixture(scope="module")
def lake(blank: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One lake into which everything is read."""
    folder = tmp_path_factory.mktemp("fuzz")
    own = read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite", inbox=folder / "inbox")
    copied(blank, own)
    store = open_store(own)
    yield store
    store.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything that is read."""
    return tmp_path_factory.mktemp("logs")


@pytest.mark.timeout(300 if INPUTS <= USUAL else 5400)
@settings(
    max_examples=max(1, INPUTS // TOGETHER),
    deadline=None,
    database=None,
    derandomize=INPUTS <= USUAL,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_what_is_damaged_costs_itself_alone(lake: Store, base: Path, data: st.DataObject) -> None:
    log: Log = data.draw(logs(TOGETHER))
    routes = FILE_ROUTES if log.kind in ("portal zip", "analytics csv") else sorted(ROUTES)
    route, name = data.draw(st.sampled_from(routes)), data.draw(st.sampled_from(NAMES))
    folder = base / f"{next(FOLDERS):06d}"
    folder.mkdir()
    folder.with_suffix(".written").write_bytes(log.data)
    note(f"{log.kind} by {route} as {name!r}: {folder}.written")
    results = ROUTES[route](lake, log.data, folder, name)
    told = f"{log.kind} by {route}: {results}"
    assert all(one.lines == one.kept + one.duplicates + one.rejects for one in results), told
    assert lake.rows("select count(*) from files where lines <> kept + duplicates + rejects") == [(0,)], told
    if log.lines is not None:
        assert sum(one.lines + one.passed_over for one in results) == log.lines, told
    known = f"select {IDS[log.table]} from {log.table} where {IDS[log.table]} in (select unnest(?))"
    found = {str(row[0]) for row in lake.rows(known, [log.good])}
    assert set(log.good) <= found, f"{len(set(log.good) - found)} good records are not there; {told}"


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_compressed_file_that_is_cut_gives_what_came_before(lake: Store, base: Path, share: float) -> None:
    name = f"{next(FOLDERS)}-cut"
    packed = gzip.compress(lines([event(name, number) for number in range(200)]), 1)
    [result] = ingest(lake, [written(base / f"{name}.gz", packed[: int(len(packed) * share)])]).files
    assert result.rejects >= 1 and result.lines == result.kept + result.rejects
    assert share < 0.5 or result.kept > 50


def test_nothing_that_was_read_is_unfit(lake: Store) -> None:
    assert lake.rows(WITHOUT_IDENTITY) == []
    odd: dict[str, list[str]] = {}
    for table, column, kind in lake.rows(TABLES):
        if kind == "VARCHAR" or "STRUCT" in kind:
            odd.setdefault(table, []).append(f'contains("{column}"::varchar, chr(0))')
        elif kind == "TIMESTAMP":
            bounds = "'2000-01-01' and now()::timestamp + interval 367 day"
            odd.setdefault(table, []).append(f'"{column}" not between {bounds}')
    assert "events" in odd and "exchanges" in odd
    for table, conditions in odd.items():
        assert lake.rows(f'from "{table}" where {" or ".join(conditions)} limit 10') == [], table


@pytest.mark.deep
def test_every_page_draws_afterwards(lake: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", lake.settings.store)
    monkeypatch.setenv("PROVISIONING_INBOX", str(lake.settings.inbox))
    test = healthy(app())
    for page in PAGES:
        healthy(test.switch_page(page).run())
