"""Tells a question from what would change the store, before DuckDB is asked."""

import re

from pipeline.config.errors import QuestionRefused, StoreError
from pipeline.store.lake import kinds_of

GAP = r"(?:\s|/\*.*?\*/|--[^\n]*)"
EXPLAIN = re.compile(rf"(?is)^{GAP}*explain({GAP}+analyze)?({GAP}*\([^)]*\))?")
HIDDEN = re.compile(rf'(?is)\bducklake_(merge|expire|cleanup|delete|flush|rewrite|add|set)|\bquery(_table)?"?{GAP}*\(')


def read_only_statement(sql: str) -> str:
    """Gives the statement back if it is one question that changes nothing; raises QuestionRefused otherwise.

    EXPLAIN ANALYZE runs what it explains, and DuckLake's maintenance runs even in a read-only store.
    """
    kinds = told_kinds(sql)
    if kinds == ["EXPLAIN"]:
        kinds = told_kinds(EXPLAIN.sub("", sql, count=1))
    if kinds != ["SELECT"]:
        seen = " and ".join(kinds) or "nothing"
        raise QuestionRefused(f"One read-only question was expected, such as select …; {seen} was given.")
    if found := HIDDEN.search(sql):
        raise QuestionRefused(f"{found[0]} may change the store; ask directly, or use `python -m pipeline maintain`.")
    return sql


def told_kinds(sql: str) -> list[str]:
    """Gives what each statement of a text is; raises QuestionRefused where it is none."""
    try:
        return kinds_of(sql)
    except StoreError as error:
        raise QuestionRefused(str(error)) from None
