"""Holds every file of `queries/`, rules too, to its header, to DuckDB's reading of it and to the house's style."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest

from pipeline.config.errors import UnknownQuery, WrongValue
from pipeline.config.settings import read_settings
from pipeline.rules.rule import rules
from pipeline.store.catalog import TOPICS, Query, bind, catalog, find_query, value
from pipeline.store.lake import Store, open_store

NEW_YEAR = datetime(2026, 1, 5)
EXAMPLES: dict[str, Any] = {"VARCHAR": "x", "BIGINT": 1, "DOUBLE": 0.5, "INTEGER": 1, "TIMESTAMP": NEW_YEAR}
EXAMPLES["TIMESTAMP[]"] = [NEW_YEAR]
QUESTION = r"[?.:!]|^(who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|will)\b"
FILES = catalog() | {f"health/{name}": rule.query for name, rule in rules().items()}


@pytest.fixture(params=sorted(FILES))
def query(request: pytest.FixtureRequest) -> Query:
    """Each query in turn, health rules among them."""
    return FILES[request.param]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One empty lake for all queries: they only ask."""
    folder = tmp_path_factory.mktemp("lake")
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    yield store
    store.close()


def values(query: Query) -> dict[str, Any]:
    """Returns a value for every parameter: its default, or an example of its type."""
    return bind(query, {each.name: EXAMPLES[each.type] for each in query.parameters if each.default is None})


def body(query: Query) -> str:
    """Returns the SQL below the header."""
    return "\n".join(line for line in query.sql.splitlines() if not line.lstrip().startswith("--"))


def test_the_header_names_the_parameters_of_the_body(query: Query) -> None:
    [statement] = duckdb.extract_statements(query.sql)
    assert set(statement.named_parameters) == {parameter.name for parameter in query.parameters}


def test_the_header_names_the_columns_of_the_answer_in_their_order(query: Query, lake: Store) -> None:
    answered = lake.fetch(query.sql, values(query)).column_names
    assert answered == list(query.columns), (
        f"{query.name}: the answer's columns, and those under `Columns` of the header"
    )


def test_the_first_line_is_a_question_and_every_line_of_the_header_has_a_text(query: Query) -> None:
    assert query.question.endswith("?")
    assert all(parameter.meaning for parameter in query.parameters)
    assert all(query.columns.values())


def test_the_header_has_a_title_that_is_a_noun_phrase_and_a_topic(query: Query) -> None:
    titles = re.findall(r"^-- Title    (\S.*)$", query.sql, re.MULTILINE)
    assert titles == [query.title], f"{query.name}: one line of the header was expected: -- Title    Noun phrase"
    [title] = titles
    assert not re.search(QUESTION, title, re.IGNORECASE), f"{title} is a question"
    assert 1 <= len(title.split()) <= 5, f"{title} has more than five words"
    words = re.findall(r"\w+", title)
    assert title[0].isupper()
    assert all(word == word.lower() or word.upper() == word or word == "Entra" for word in words[1:]), title
    assert query.topic in TOPICS, f"{query.name}: a line of the header was expected: -- Topic    one of {TOPICS}"
    assert "Title" not in query.about and "Topic" not in query.about


def test_titles_are_unique() -> None:
    titles = sorted(query.title.casefold() for query in FILES.values())
    assert titles == sorted(set(titles))


def test_every_default_is_a_value_of_its_type(query: Query) -> None:
    for parameter in query.parameters:
        if parameter.default is not None:
            value(query, parameter, None)


def test_the_body_keeps_the_style(query: Query) -> None:
    sql = body(query)
    bare = re.sub(r"'[^']*'", "''", sql)
    lines, final = sql.splitlines(), sql[sql.rindex("\nselect") if "\nselect" in sql else 0 :]
    faults = {
        "write keywords and names in lower case": bare != bare.lower(),
        "take the present from a parameter, not from the clock": re.search(
            r"\bnow\s*\(|current_timestamp|current_date|today\s*\(", bare
        ),
        "end with a line that begins with `order by`": not re.search(r"^order by", sql, re.MULTILINE),
        "name each column of the last select, not *": re.search(r"^select\s+\*", final.strip()),
        "write no tabs and no ;": "\t" in sql or ";" in sql,
        "indent by four": any((len(line) - len(line.lstrip())) % 4 for line in lines),
        "write at most 75 lines": len(lines) > 75,
        "write at most 120 characters a line": [line for line in query.sql.splitlines() if len(line) > 120],
    }
    assert [f"{query.name}: {what}" for what, found in faults.items() if found] == []


def test_windows_are_half_open(query: Query) -> None:
    assert not re.search(r"<=\s*\$until|>\s*\$since", body(query))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownQuery, match="did you mean top_errors"):
        find_query("top_error")


def test_a_value_that_does_not_fit_is_refused_in_a_sentence() -> None:
    with pytest.raises(WrongValue, match="since is 'yesterday-ish'; an ISO 8601 instant such as"):
        bind(find_query("top_errors"), {"since": "yesterday-ish", "until": "2026-01-05"})
    with pytest.raises(WrongValue, match="has no parameter 'jbo'"):
        bind(find_query("top_errors"), {"jbo": "x"})
