"""Judges whether a statement is one question that changes nothing, before DuckDB is asked."""

import re

from pipeline.config.errors import QuestionRefused, StoreError
from pipeline.store.lake import kinds_of

# Searched in the whole text, strings and comments too: no other reading of SQL ends strings and comments exactly where
# DuckDB does. sqlglot, for one, takes e'\\' for the beginning of a string. A comment is taken to its last end, since
# DuckDB's may be nested.
COMMENT = r"/\*.*\*/|--[^\n]*"
CHANGING = re.compile(
    rf'(?is)\bducklake_(merge|expire|cleanup|delete|flush|rewrite|add|set)|\bquery(_table)?"?(?:\s|{COMMENT})*\('
)


def read_only_statement(sql: str) -> str:
    """Returns the statement if it is one question that changes nothing; raises QuestionRefused otherwise.

    EXPLAIN ANALYZE runs what it explains, and DuckLake's maintenance runs even in a read-only store.
    """
    kinds = statement_kinds(sql)
    if kinds == ["EXPLAIN"]:
        kinds = statement_kinds(explained(sql))
    if kinds != ["SELECT"]:
        given = " and ".join(kinds) or "nothing"
        raise QuestionRefused(f"One read-only question was expected, such as select …; {given} was given.")
    if match := CHANGING.search(sql):
        raise QuestionRefused(f"{match[0]} may change the store; ask directly, or use `python -m pipeline maintain`.")
    return sql


def statement_kinds(sql: str) -> list[str]:
    """Returns the kind of each statement of a text; raises QuestionRefused for what is no SQL."""
    try:
        return kinds_of(sql)
    except StoreError as error:
        raise QuestionRefused(str(error)) from None


def explained(sql: str) -> str:
    """Returns the statement behind EXPLAIN, ANALYZE and options in parentheses, which DuckDB then judges."""
    from sqlglot import tokenize
    from sqlglot.errors import TokenError

    try:
        # sqlglot leaves all that follows EXPLAIN as one text.
        [_explain, rest, *_] = tokenize(sql, dialect="duckdb")
        tokens = tokenize(rest.text, dialect="duckdb")
    except TokenError as error:
        raise QuestionRefused(f"What EXPLAIN is to explain cannot be read: {' '.join(str(error).split())}") from None
    place = 1 if tokens[0].text.lower() == "analyze" else 0
    if tokens[place].text == "(":
        place = next(at for at in range(place, len(tokens)) if tokens[at].text == ")") + 1
    return rest.text[tokens[place].start :]
