"""The store that benchmarks of pages, rules and publishing grow: whole, with its aggregates, and read by them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks")]
from grown import JOBS, PERIODS, grown  # noqa: E402

EVENTS = 4000
pytestmark = pytest.mark.deep


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grown")
    grown(folder, EVENTS, people=40, days=10).close()
    return folder


def test_a_grown_store_holds_the_events_once_in_all_that_is_derived(folder: Path) -> None:
    store = grown(folder, EVENTS)
    try:
        [(events, ids, jobs)] = store.rows(
            "select count(*), count(distinct (event_id, job_id)), count(distinct job_id) from events"
        )
        [(narrow,)] = store.rows("select count(*) from event_spine")
        [(exchanges, first, last)] = store.rows("select count(*), min(occurred_at), max(occurred_at) from exchanges")
        [(sample_jobs,)] = store.rows(f"select count(distinct job_id) from '{folder}/sample/events.parquet'")
    finally:
        store.close()
    assert 0.5 * EVENTS < events == ids == narrow < 2 * EVENTS
    assert jobs <= sample_jobs * JOBS and jobs > sample_jobs
    assert exchanges > 0 and (last - first).days > 30 * (PERIODS - 1)


@pytest.mark.parametrize("script", [("rules.py", "--only", "silence")], ids=lambda words: words[0])
def test_what_measures_a_grown_store_ends(folder: Path, script: tuple[str, ...]) -> None:
    name, *words = script
    command = [sys.executable, f"benchmarks/{name}", "--store", str(folder), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "| met |" in done.stdout, done.stdout
