"""Each definition of the model states what it is and which columns it has, and DuckDB agrees."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
import pytest

from pipeline.store.lake import Cursor
from pipeline.store.migrate import build_schema

FOLDER = Path(__file__).parents[2] / "pipeline" / "model"
DEFINITION = re.compile(
    r'(?P<header>(?:^--.*\n)*)^create or replace (?P<kind>view|macro) "?(?P<name>\w+)"?'
    r"(?:\((?P<parameters>[^)]*)\))? as(?P<table> table)?",
    re.MULTILINE,
)
COLUMN = re.compile(r"^--   (?P<name>\w+)  +\S.*$")
COLUMNS_OF = re.compile(r"^--   (?P<name>\w+)\.\*(?: without (?P<without>\w+(?:, \w+)*))?  +\S.*$")
MOMENTS = {"asked_at", "since", "until", "since_at", "until_at", "as_of", "ends", "renewed", "earliest", "latest"}
VALUES = {
    "source": "'events'",
    "spine": "'event_spine'",
    "words": "'stored_words'",
    "footings": "'footings'",
    "narrow": "'stored_narrow'",
    "wordings": "'stored_facts'",
    "body": "'{}'",
    "grace": "1200",
    "instants": "[timestamp '2026-01-05']",
    "most": "10",
    "cover": "60",
}
"What table macros are called with, by the names of their parameters; moments apart, all others are texts."
TABLES = {
    "newest": "from newest_snapshots([timestamp '2026-01-05'])",
    "jobs": "select observed_at as as_of, job_id, app_id, observed_at as last_event_at from job_snapshots",
    "running": "select *, began_at as start_at, true as whole, 1.0 as paced_s"
    " from rhythms(timestamp '2026-01-05', 1200) where under_way",
    "calls": 'select app_id, occurred_at, http_status, "method" from app_calls',
    "ended": "from ended_cycles(timestamp '2026-01-05')",
    "last_cycles": "from temp.ended",
    "waits": "select job_id, opened_at, closed_at, is_reference from escrows",
    "failures": "select * from problems where status = 'failure'",
    "settlements": "from settlements_of('footings')",
    "failed": "from problems",
    "stored": "from pending_retries",
    "changed": "from footings",
    "repeated": "select object, order_key from footings",
    "levels": "from waiting_levels('waits')",
    "errors": 'select *, status as "action" from problems',
    "lives": "select job_id, fingerprint, [source_id] as source_ids, [source_id] as waiting_ids from problems",
    "group_calls": "from group_calls(timestamp '2026-01-05')",
    "request_groups": "from request_groups('group_calls')",
    "chosen_groups": "select job_id, group_id, object, 1 as claims from temp.request_groups",
    "requests": "from group_requests('request_groups', 'chosen_groups', timestamp '2026-01-05')",
    "member_words": "select object, job_id as word from temp.request_groups",
    "word_members": "from word_members('member_words', 'chosen_groups')",
    "people": 'select who, object, member_id, "name", known from temp.word_members',
    "units": "select object, 1 as unit, occurred_at, 'wire' as source, exchange_id as ref, 'done' as outcome,"
    " ['add'] as ops, false as resets, 1 as next_reset from temp.requests",
    "mentions": "select object, 1 as unit, 1::ubigint as who, 'in' as verb, 'done' as outcome from temp.requests",
    "intervals": "from membership_intervals('mentions', 'units')",
    "answers": "select object, exchange_id, occurred_at, ['x'] as members from temp.requests",
    "candidates": "from match_candidates(timestamp '2026-01-05', timestamp '2026-01-05')",
    "fresh": "from clock_days",
    "day_lists": "from clock_days",
    "hits": "from log_owner_hits",
    "clocks": "select *, true as is_own from clock_days",
    "pairs": "from scored_pairs('candidates', 'clocks')",
    "taken": "from temp.pairs",
    "holders": "from footings",
    "matched": "from request_matches",
    "refused": "from refused_changes()",
    "logged": "from app_requests(timestamp '2026-01-05', timestamp '2026-01-05')",
    "reported": "from reported_events('matched', 'logged', timestamp '2026-01-05', timestamp '2026-01-05')",
    "unreported": "from unreported_requests("
    "'matched', 'logged', 'clocks', timestamp '2026-01-05', timestamp '2026-01-05')",
    "lonely": "from temp.unreported",
    "apps": "from reported_apps('unreported', timestamp '2026-01-05', timestamp '2026-01-05')",
}
"Tables that table macros are called with, by the names of their parameters, and how they come about."


@dataclass(frozen=True)
class Definition:
    """One view or macro of the model."""

    file: str
    kind: str
    name: str
    parameters: tuple[str, ...]
    "Without their defaults."
    optional: int
    header: tuple[str, ...]

    @property
    def heading(self) -> str:
        """Returns how its header begins."""
        return f"{self.name}: " if self.kind == "view" else f"{self.name}({', '.join(self.parameters)}): "

    @property
    def call(self) -> str:
        """Returns what stands after `from` to have its rows."""
        if self.kind == "view":
            return f'"{self.name}"'
        names = self.parameters[: len(self.parameters) - self.optional]
        if names[:1] == ("parts",):
            stored = self.name.removesuffix("_fold")
            table = "account_writers" if stored == "account_writer" else f"{stored}_parts"
            return f"{self.name}({', '.join([repr(table), *['true'] * (len(names) - 1)])})"
        values = [
            "timestamp '2026-01-05'" if one in MOMENTS else VALUES.get(one, f"'{one}'" if one in TABLES else "'x'")
            for one in names
        ]
        return f"{self.name}({', '.join(values)})"


def definitions() -> dict[str, Definition]:
    """Reads every view and macro of the model by name; the kind is view, table macro or macro."""
    read = {}
    for file in sorted(FOLDER.glob("*.sql")):
        for one in DEFINITION.finditer(file.read_text(encoding="utf-8")):
            words = [word.strip() for word in (one["parameters"] or "").split(",") if word.strip()]
            read[one["name"]] = Definition(
                file.name,
                "table macro" if one["table"] else one["kind"],
                one["name"],
                tuple(word.partition(":=")[0].strip().strip('"') for word in words),
                sum(":=" in word for word in words),
                tuple(one["header"].splitlines()),
            )
    return read


MODELS = definitions()
RELATIONS = {name: one for name, one in MODELS.items() if one.kind != "macro"}


@lru_cache
def built() -> Cursor:
    cursor = duckdb.connect()
    build_schema(cursor)
    cursor.execute("create temp table stored_narrow as from narrow_events('events')")
    cursor.execute("create temp table stored_facts as from step_facts_of('stored_narrow')")
    spine = "spine_rows('stored_narrow', 'stored_facts')"
    cursor.execute(f"create temp table stored_words as select *, true as is_stored from {spine}")
    for name, rows in TABLES.items():
        cursor.execute(f"create temp table {name} as {rows}")
    return cursor


def columns_of(relation: str) -> list[str]:
    """Asks DuckDB for the columns of a table, a view or a table macro."""
    call = RELATIONS[relation].call if relation in RELATIONS else f'"{relation}"'
    return [name for name, *_ in built().execute(f"describe from {call}").fetchall()]


def stated(definition: Definition) -> list[str]:
    """Reads the columns of a header; `events.*` stands for all of a relation's, `without` names for the others."""
    columns = []
    for line in definition.header:
        if one := COLUMN.match(line):
            columns.append(one["name"])
        elif every := COLUMNS_OF.match(line):
            without = (every["without"] or "").split(", ")
            columns += [name for name in columns_of(every["name"]) if name not in without]
    return columns


@pytest.mark.parametrize("name", MODELS)
def test_a_definition_begins_with_its_name_and_what_it_is(name: str) -> None:
    one = MODELS[name]
    text = " ".join(line.removeprefix("--").strip() for line in one.header)
    assert text, f"{one.file}: {name} has no header; write above it: '-- {one.heading}' and what it is."
    assert text.startswith(one.heading), (
        f"{one.file}: the header of {name} begins with '{one.header[0]}'; expected '-- {one.heading}' and what it is."
    )


@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_states_the_columns_that_duckdb_gives_it(name: str) -> None:
    one = RELATIONS[name]
    columns, written = columns_of(name), stated(one)
    missing = [column for column in columns if column not in written]
    extra = [column for column in written if column not in columns]
    assert written == columns, (
        f"{one.file}: the header of {name} {'lacks ' + ', '.join(missing) + ' ' if missing else ''}"
        f"{'has ' + ', '.join(extra) + ', which it does not return ' if extra else ''}"
        f"{'has its columns in another order: ' + ', '.join(columns) if not missing and not extra else ''}"
        "(one line each: '--   column  its meaning')."
    )


def test_every_file_of_the_model_is_read() -> None:
    assert {one.file for one in MODELS.values()} >= {"basics.sql", "tokens.sql"}
    assert len(RELATIONS) > 50


@pytest.mark.parametrize("name", MODELS)
def test_a_definition_has_ninety_lines_at_most(name: str) -> None:
    text = (FOLDER / MODELS[name].file).read_text(encoding="utf-8")
    begun = re.search(rf'^create or replace (?:view|macro) "?{name}\b', text, re.MULTILINE)
    assert begun
    lines = text[begun.start() :].partition(";\n")[0].count("\n") + 1
    assert lines <= 90, f"{MODELS[name].file}: {name} has {lines} lines; give a part of it a name of its own."
