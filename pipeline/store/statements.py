"""Reads a statement that a person wrote: which parameters it has, and how it reads with their values in it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb

from pipeline.store.failures import store_errors

NAME = re.compile(rb"\w+")


def parameter_names(sql: str) -> set[str]:
    """Returns the names of a text's `$name` parameters; raises StoreError for what is no SQL."""
    with store_errors("This is not SQL that DuckDB understands"):
        return {name for statement in duckdb.extract_statements(sql) for name in statement.named_parameters}


def with_literals(sql: str, values: Mapping[str, Any]) -> str:
    """Writes values in place of a statement's parameters, but not in its texts and comments.

    >>> with_literals("select $job, '$job' -- $job", {"job": "it's"})
    "select 'it''s', '$job' -- $job"
    """
    # DuckDB counts bytes.
    content, pieces, done, dollar = sql.encode(), [], 0, -1
    for place, kind in duckdb.tokenize(sql):
        word = NAME.match(content, place)
        if dollar == place - 1 and word is not None and word[0].decode() in values:
            pieces += [content[done:dollar], literal(values[word[0].decode()]).encode()]
            done = word.end()
        is_dollar = kind == duckdb.token_type.operator and content[place : place + 1] == b"$"
        dollar = place if is_dollar else -1
    return b"".join([*pieces, content[done:]]).decode()


def literal(value: object) -> str:
    """Writes a value as DuckDB's SQL has it.

    >>> literal(None), literal(5), literal(datetime(2026, 1, 5)), literal("it's")
    ('null', '5', "timestamp '2026-01-05 00:00:00'", "'it''s'")
    """
    match value:
        case None:
            return "null"
        case bool() | int() | float():
            return str(value)
        case datetime():
            return f"timestamp '{value}'"
    text = str(value).replace("'", "''")
    return f"'{text}'"
