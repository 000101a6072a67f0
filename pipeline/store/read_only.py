"""Judges whether a statement is one question to the store that changes nothing, before DuckDB is asked.

DuckDB's own parser says what a statement calls and reads. What makes rows must be on a list: extensions open files by
themselves, whatever DuckDB is told of external access, and a list of what is forbidden ends with the next extension.
"""

import re
from collections.abc import Iterator
from typing import Any

from pipeline.config.errors import QuestionRefused, StoreError
from pipeline.store.dependencies import definitions
from pipeline.store.lake import kinds_of, parse_tree
from pipeline.store.value_limits import TOO_MANY

GENERATORS = frozenset({"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"})
OF_THE_LAKE = frozenset({
    "ducklake_snapshots", "ducklake_current_snapshot", "ducklake_last_committed_snapshot", "ducklake_table_info",
    "ducklake_list_files", "ducklake_table_changes", "ducklake_table_insertions", "ducklake_table_deletions",
})  # fmt: skip
OF_THE_SCHEMA = frozenset({
    "duckdb_columns", "duckdb_constraints", "duckdb_functions", "duckdb_keywords", "duckdb_schemas", "duckdb_tables",
    "duckdb_types", "duckdb_views",
})  # fmt: skip
ROWS = GENERATORS | OF_THE_LAKE | OF_THE_SCHEMA
"Functions that make rows and may be called, beside the store's own macros."
REVEALING = re.compile(
    r"getenv|current_setting|getvariable|which_secret|write_log|json_(?:execute_serialized_sql|serialize_plan)|query(?:_table)?"
)
"Functions of a value that read the process's surroundings, or run a text as a statement."
SYSTEM = re.compile(r"(?i)(?:duckdb_|pragma_|pg_settings|sqlite_)")
A_FILE = re.compile(r"[./\\:*?]")


def read_only_statement(sql: str) -> str:
    """Returns the statement if it is one question to the store that changes nothing; else raises QuestionRefused.

    EXPLAIN ANALYZE runs what it explains, and DuckLake's maintenance runs even in a read-only store.
    """
    question, kinds = sql, statement_kinds(sql)
    if kinds == ["EXPLAIN"]:
        question = explained(sql)
        kinds = statement_kinds(question)
    tree = parse_tree(question) if kinds == ["SELECT"] else None
    if tree is None:
        given = " and ".join(kinds) or "nothing"
        raise QuestionRefused(f"One read-only question was expected, such as select …; {given} was given.")
    for node in nodes(tree):
        judge(node)
    return sql


def judge(node: dict[str, Any]) -> None:
    """Raises QuestionRefused for a part of a statement that is not a question to the store."""
    match node.get("type"):
        case "TABLE_FUNCTION":
            name = str(node["function"].get("function_name", "")).lower()
            if name not in ROWS and name not in definitions():
                raise QuestionRefused(
                    f"{name}(…) may read what is not in the store, or change it; only the store's tables, views and "
                    "macros may be asked. To read other data, attach the store in a DuckDB client of your own."
                )
        case "BASE_TABLE":
            name = str(node.get("table_name", ""))
            if A_FILE.search(name) or (SYSTEM.match(name) and name.lower() not in OF_THE_SCHEMA):
                raise QuestionRefused(f"{name} is no table of the store; show tables lists them.")
        case "FUNCTION" if REVEALING.fullmatch(name := str(node.get("function_name", "")).lower()):
            raise QuestionRefused(f"{name}(…) may show what is not in the store, or change it; leave it out.")
        case "FUNCTION" if node.get("schema") and (name := str(node.get("function_name", "")).lower()) in TOO_MANY:
            raise QuestionRefused(f"{name}(…) stands behind a schema or a dot; it is called by its name alone here.")


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yields every object in a parsed statement; without recursion, since a statement may be deeply nested."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


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
