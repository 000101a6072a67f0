"""Which tables a question reads, and whether one of them changed since: an answer holds until one of them does.

Background jobs write a row a minute; that must not make every page ask everything anew.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipeline.store.catalog import catalog as questions
from pipeline.store.migrate import MODEL, schema_text

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

DEFINITION = re.compile(
    r'^create or replace (?:view "?(?P<view>\w+)"? as'
    r'|macro "?(?P<macro>\w+)"?\((?:[^()]|\([^()]*\))*\) as(?: table\b)?)',
    re.MULTILINE,
)
CHANGE = re.compile(r"(?:^|,)(\w+):(\d+)?")
WRITES = {"inserted_into_table", "deleted_from_table", "inlined_insert", "inlined_delete"}
DONE = "select snapshot_id, changes_made from {}.ducklake_snapshot_changes where snapshot_id between ? and ?"
NAMES = "select table_id, table_name from {}.ducklake_table"
Rows = list[tuple[Any, ...]]


@lru_cache(1024)
def tables_behind(sql: str) -> frozenset[str] | None:
    """Returns the tables that a question of `queries/` may read; None for any other statement, which may read all.

    Its names are followed through views and macros. A name that is none of a table, such as a CTE's, does no harm.
    """
    if sql not in {query.sql for query in questions().values()}:
        return None
    bodies = definitions()
    names = set[str]()
    new = named(sql)
    while new:
        names |= new
        new = set().union(*(defined_by(name) for name in new & bodies.keys())) - names
    return frozenset(names - bodies.keys())


@lru_cache
def definitions() -> dict[str, str]:
    """Returns the body of each view and macro of the model by its name."""
    text = "\n".join(map(schema_text, MODEL))
    starts = [*DEFINITION.finditer(text)]
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return {
        (start["view"] or start["macro"]).lower(): text[start.end() : end]
        for start, end in zip(starts, ends, strict=True)
    }


@lru_cache(None)
def defined_by(name: str) -> frozenset[str]:
    """Returns the names in the definition of a view or macro."""
    return frozenset(named(definitions()[name]))


def named(sql: str) -> set[str]:
    """Returns what a text names: tables and views, the functions that it calls, and tables named to `query_table`.

    sqlglot reads no parameter defaults of a macro, so a definition comes as its body: a query, or a bare expression.
    Reading all of `queries/` and the model takes 1.6 s, so each text is read when it is needed, and once.
    """
    # Takes 0.1 s; only a question that is asked again after the store has changed needs it.
    from sqlglot import exp, parse
    from sqlglot.errors import ParseError

    try:
        trees = parse(sql, dialect="duckdb")
    except ParseError:
        trees = parse(f"select {sql}", dialect="duckdb")
    names = set[str]()
    for node in nodes(trees):
        if isinstance(node, exp.Table):
            names.add(node.name)
        elif isinstance(node, exp.Func):
            names.add(node.name if isinstance(node, exp.Anonymous) else node.sql_name())
            names |= {part.name for part in node.args.get("expressions") or [] if part.is_string}
    return {name.lower() for name in names}


def nodes(trees: "Iterable[Expr | None]") -> "list[Expr]":
    """Returns every node of some trees."""
    return [node for tree in trees if tree is not None for node in tree.walk()]


class TableChanges:
    """When each table last changed since a revision, by the catalog's own record of what each snapshot did."""

    def __init__(self, catalog: str, revision: int) -> None:
        self._catalog = catalog
        self._from = self._to = revision
        self._all = revision
        self._last: dict[str, int] = {}

    def changed(self, tables: frozenset[str] | None, after: int, until: int, read: Callable[..., Rows]) -> bool:
        """Whether one of these tables changed after one revision and up to another; None means any table."""
        if tables is None or after < self._from:
            return until > after
        if until > self._to:
            self._follow(until, read)
        return max([self._all, *(self._last.get(table, 0) for table in tables)]) > after

    def _follow(self, revision: int, read: Callable[..., Rows]) -> None:
        """Reads what was done since; what is not recorded in full, or was no writing of rows, may have changed all."""
        done = read(DONE.format(self._catalog), [self._to + 1, revision])
        names: dict[int, str] = dict(read(NAMES.format(self._catalog)))
        if len(done) < revision - self._to:
            self._all = revision
        for snapshot, changes in done:
            kinds = CHANGE.findall(changes or "")
            if {kind for kind, _ in kinds} <= WRITES:
                self._last |= {names.get(int(table), ""): snapshot for _, table in kinds}
            else:
                self._all = max(self._all, snapshot)
        self._to = revision
