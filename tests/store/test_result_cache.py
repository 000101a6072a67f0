"""Answers that are kept: each is fetched once, side by side, and pages ask ahead only for what they draw."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.config.errors import StoreError
from pipeline.ingest.files import ingest
from pipeline.store.catalog import catalog
from pipeline.store.lake import Store
from pipeline.store.result_cache import ResultCache
from tests.support.given import Given
from tests.support.pages import app, healthy
from views.frame.places import PLACES

SAMPLE = Path(__file__).parents[2] / "sample_logs"
UNHURRIED = {"people", "users", "query", "configuration", "sources", "reports", "rules", "notifications", "access"}
"Places with few questions, or quick ones."
COUNT = catalog()["extent"].sql


def test_many_who_ask_at_once_share_one_fetching(store: Store) -> None:
    fetched, gate = [], threading.Barrier(4)

    def fetch(sql: str, values: Mapping[str, Any] | None) -> pa.Table:
        fetched.append(sql)
        return store.fetch(sql, values)

    answers = ResultCache(fetch, store.rows, store.revision, "__ducklake_metadata_provisioning")

    def ask(_: int) -> pa.Table:
        gate.wait()
        return answers.get(COUNT)

    with ThreadPoolExecutor(4) as people:
        found = list(people.map(ask, range(4)))
    assert len(fetched) == 1
    assert all(one is found[0] for one in found)
    answers.close()


def test_what_is_asked_ahead_is_there_when_it_is_asked_for(given: Given) -> None:
    given.succeeded("ada", day=11, hour=9)
    store = given.stored()
    store.answers.prefetch(COUNT)
    assert store.ask(COUNT).to_pylist()[0]["events"] == 1
    given.succeeded("bob", day=12, hour=9)
    again = given.stored()
    assert again.ask(COUNT).to_pylist()[0]["events"] == 2


def test_what_is_made_of_an_answer_is_made_once_and_anew_when_its_tables_change(given: Given) -> None:
    made = []

    def events(answer: pa.Table) -> int:
        made.append(answer)
        return int(answer["events"][0].as_py())

    given.succeeded("ada", day=11, hour=9)
    store = given.stored()
    assert [store.answers.formed(COUNT, None, events) for _ in range(3)] == [1, 1, 1] and len(made) == 1
    given.succeeded("bob", day=12, hour=9)
    assert given.stored().answers.formed(COUNT, None, events) == 2 and len(made) == 2


def test_an_answer_that_failed_is_asked_for_again(store: Store) -> None:
    wrong = "select * from nothing_of_the_kind"
    store.answers.prefetch(wrong)
    for _ in range(2):
        with pytest.raises(StoreError, match="nothing_of_the_kind"):
            store.ask(wrong)
    store.write(lambda cursor: cursor.execute("create table nothing_of_the_kind as select 1 as one"))
    assert store.ask(wrong).to_pylist() == [{"one": 1}]


@pytest.mark.deep
def test_pages_ask_nothing_ahead_that_they_do_not_draw(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(store, [str(SAMPLE)])
    early, drawn = set[str](), set[str]()
    names = {query.sql: name for name, query in catalog().items()}

    def noted(told: set[str], asked: Any) -> Any:
        def run(answers: ResultCache, sql: str, values: Any = None, *form: Any) -> Any:
            told.add(f"{names.get(sql, sql)} {sorted((values or {}).items())}")
            return asked(answers, sql, values, *form)

        return run

    monkeypatch.setattr(ResultCache, "prefetch", noted(early, ResultCache.prefetch))
    monkeypatch.setattr(ResultCache, "get", noted(drawn, ResultCache.get))
    monkeypatch.setattr(ResultCache, "formed", noted(drawn, ResultCache.formed))
    for page in PLACES:
        early.clear()
        drawn.clear()
        healthy(app(page))
        assert early - drawn == set(), page
        assert len(early) > 1 or page in UNHURRIED, page
