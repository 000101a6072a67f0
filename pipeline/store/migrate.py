"""Brings a store to this program's shape: numbered migrations of its tables, then the model, then back-fills.

A migration is a file `model/migrations/0001_….sql`. Each is applied once, in the order of the numbers, and recorded in
the table `migrations` in the same transaction. Its first lines are comments: what it does, and how it is applied:

    -- after: model            It uses macros of the model, so it is applied once they are those of this program. All
                               others come before the model, since its views name their tables and columns.
    -- unless: from problems   Where this question has a row there is nothing to do.
    -- by: day                 Its statements run once for each day of events, oldest first, and read that day's as
                               `day_events`: ten million events at once would not fit into memory.
    -- by: day into footings   So, and each day in a transaction of its own: what was killed goes on with the days that
                               the table, which had no row before, lacks.

The model is all views and macros, `MODEL` in its order. It is built again whenever its text is not the one that was
built last, whose digest is recorded as migration 0.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import takewhile
from pathlib import Path

import duckdb

from pipeline.config.clock import naive
from pipeline.config.errors import StoreError
from pipeline.config.settings import Settings
from pipeline.store.advisory_lock import AdvisoryLock
from pipeline.store.ducklake_workarounds import (
    CATALOG,
    IN_CATALOG,
    LAKE,
    Executes,
    keep_in_catalog,
    remove_placeholder_rows,
    write_placeholder_rows,
)
from pipeline.store.fence import has_fence, make_fence, write_fenced
from pipeline.store.rows import insert_rows
from pipeline.store.synced_files import SyncedFiles
from pipeline.store.writer_lock import Cursor, commit, writers_turn

FOLDER = Path(__file__).parents[1] / "model"
MODEL = (
    "basics.sql",
    "statistics.sql",
    "rejected_objects.sql",
    "replaced_jobs.sql",
    "identities.sql",
    "hourly.sql",
    "log_analytics.sql",
    "tenants.sql",
    "apps.sql",
    "accounts.sql",
    "account_writers.sql",
    "footings.sql",
    "retry_steps.sql",
    "escrows.sql",
    "cycle_parts.sql",
    "executions.sql",
    "cycles.sql",
    "stretches.sql",
    "completeness.sql",
    "unlogged_hours.sql",
    "runs.sql",
    "rhythms.sql",
    "estimates.sql",
    "progress.sql",
    "fingerprints.sql",
    "problems.sql",
    "causes.sql",
    "issues.sql",
    "attribute_blame.sql",
    "emptied_values.sql",
    "funnel.sql",
    "scope.sql",
    "spine.sql",
    "skips.sql",
    "scim_patch.sql",
    "groups.sql",
    "chosen_groups.sql",
    "group_members.sql",
    "group_answers.sql",
    "group_history.sql",
    "match_keys.sql",
    "match_candidates.sql",
    "app_clocks.sql",
    "matching.sql",
    "rejections.sql",
    "unreported.sql",
    "both_sides.sql",
    "scim_lint.sql",
    "done_removals.sql",
    "leavers.sql",
    "survival.sql",
    "quarantine.sql",
    "waiting_levels.sql",
    "headrooms.sql",
    "app_answers.sql",
    "silences.sql",
    "tokens.sql",
)
"In the order in which one part uses another."
INCLUDED = re.compile(r"\{\{([\w/]+\.toml)\}\}")
MODEL_NUMBER = 0
HEADER = re.compile(r"-- (after|unless|by): (.+)")
VERSION_0_1 = "schema_versions"
"Where a process of version 0.1 records that it has built its own views and macros, also over newer ones."
OPTIONS = {
    "data_inlining_row_limit": 0,
    # Measured: groups of 16 to 30 thousand rows let both cores encode; the default of 122,880 takes over twice as long.
    "parquet_row_group_size": 30_720,
}
DAYS = "select distinct date_trunc('day', occurred_at) from {table} where occurred_at is not null"
DAY_EVENTS = """
create or replace temp view day_events as
from events
where occurred_at >= getvariable('day')::timestamp and occurred_at < getvariable('day')::timestamp + interval 1 day
"""
Progress = Callable[[str, float], None]
"Is called with the migration at work and the share of all of them that is done, 0 to 1."
Commit = Callable[[Callable[[Cursor], object]], object]
"Runs a change as one transaction."


@dataclass(frozen=True)
class Migration:
    """One file of `model/migrations/`."""

    number: int
    name: str
    sql: str
    after_model: bool
    unless: str | None
    by_day: bool
    into: str | None
    "The table to which each day is committed by itself."


@dataclass(frozen=True)
class Applied:
    """A row of the table `migrations`."""

    number: int
    name: str
    applied_at: datetime


def schema_text(name: str) -> str:
    """Reads one file of the model; where it names a TOML file of the program, that stands there as JSON."""
    return INCLUDED.sub(included, (FOLDER / name).read_text(encoding="utf-8"))


def included(match: re.Match[str]) -> str:
    """Returns the content of an included file as JSON within an SQL literal."""
    return toml_as_literal((FOLDER.parent / match[1]).read_text(encoding="utf-8"))


@lru_cache
def toml_as_literal(text: str) -> str:
    """Returns what a TOML file says as JSON within an SQL literal; every opening of a store asks."""
    content = tomllib.loads(text)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("'", "''")


def model_digest() -> str:
    """Names the model by its text, and by the options that are set with it."""
    return hashlib.sha256("".join([*map(schema_text, MODEL), *IN_CATALOG]).encode()).hexdigest()[:16]


def schema_version() -> str:
    """Names the shape that this program gives to a store: its newest migration and its model."""
    return f"{max(migration_files()):04}-{model_digest()}"


def migration_files() -> dict[int, Path]:
    """Returns the files of all migrations by number, in order."""
    return {int(file.name[:4]): file for file in sorted((FOLDER / "migrations").glob("*.sql"))}


def read_migration(file: Path) -> Migration:
    """Reads a migration and how it is applied."""
    sql = file.read_text(encoding="utf-8")
    header = takewhile(lambda line: line.startswith("--"), sql.splitlines())
    how = {match[1]: match[2] for line in header if (match := HEADER.fullmatch(line))}
    by, _, into = how.get("by", "").partition(" into ")
    after_model = how.get("after") == "model"
    return Migration(int(file.name[:4]), file.stem[5:], sql, after_model, how.get("unless"), by == "day", into or None)


def build_schema(cursor: Executes) -> None:
    """Makes every table, view and macro in an empty database: the current one, a lake or a plain DuckDB file."""
    for file in migration_files().values():
        migration = read_migration(file)
        if not migration.after_model:
            cursor.execute(migration.sql)
    build_model(cursor)


def build_model(cursor: Executes) -> None:
    """Makes every view and macro anew."""
    for part in MODEL:
        cursor.execute(schema_text(part))


def bring_up_to_date(cursor: Cursor, settings: Settings, files: SyncedFiles, progress: Progress | None = None) -> None:
    """Applies what a store lacks, in the writers' turn; `progress` is not called for a new store.

    Raises StoreError for a store that a newer version of this program has written.
    """
    in_postgres = settings.catalog_file is None
    if not missing(cursor, settings) and not (in_postgres and not has_fence(cursor)):
        return
    with writers_turn(settings) as held:
        in_transaction = committing(cursor, held, settings, files)
        # Another process may have done it while this one waited.
        migrations = [read_migration(migration_files()[number]) for number in missing(cursor, settings) if number]
        is_new = not cursor.execute(f"select 1 from {CATALOG}.ducklake_table where end_snapshot is null").fetchone()
        if in_postgres and not has_fence(cursor):
            make_fence(cursor)
        run = Run(
            cursor,
            in_transaction,
            len(migrations),
            progress if progress and not is_new else (lambda _name, _share: None),
        )
        run.apply([one for one in migrations if not one.after_model], together=is_new)
        if recorded(cursor).get(MODEL_NUMBER) != model_digest() or built_by_0_1(cursor):
            in_transaction(write_placeholder_rows)
            in_transaction(finish_model)
        run.apply([one for one in migrations if one.after_model], together=is_new)


def committing(cursor: Cursor, held: AdvisoryLock | None, settings: Settings, files: SyncedFiles) -> Commit:
    """Returns what runs one transaction in the turn that is held, behind the fence where there is one."""
    if held is None:
        return lambda change: commit(cursor, files.synced(change))
    return lambda change: write_fenced(cursor, files.synced(change), lambda: nullcontext(held), settings)


def missing(cursor: Cursor, settings: Settings) -> list[int]:
    """Returns the numbers of what was not applied yet, the model's among them where it is another."""
    applied, files = recorded(cursor), migration_files()
    if newer := applied.keys() - files.keys() - {MODEL_NUMBER}:
        raise StoreError(
            f"{settings.store} was written by a newer version of this program (migration {max(newer)}; this one knows "
            f"{max(files)}); install that version."
        )
    model = [MODEL_NUMBER] if applied.get(MODEL_NUMBER) != model_digest() or built_by_0_1(cursor) else []
    return model + [number for number in files if number not in applied]


def recorded(cursor: Cursor) -> dict[int, str]:
    """Returns the names of the applied migrations by number; none in a new store, or in one of version 0.1."""
    try:
        return dict(cursor.execute("select number, name from migrations").fetchall())
    except duckdb.CatalogException:
        return {}


def built_by_0_1(cursor: Cursor) -> bool:
    """Whether a process of version 0.1 has built its views and macros since this store was migrated."""
    exists = f"select 1 from {CATALOG}.ducklake_table where table_name = ? and end_snapshot is null"
    return cursor.execute(exists, [VERSION_0_1]).fetchone() is not None


class Run:
    """The migrations of one opening."""

    def __init__(self, cursor: Cursor, in_transaction: Commit, total: int, progress: Progress) -> None:
        self._cursor = cursor
        self._in_transaction = in_transaction
        self._total = total
        self._progress = progress
        self._done = 0

    def apply(self, migrations: Sequence[Migration], *, together: bool) -> None:
        """Applies migrations, each in a transaction of its own; those of a new store in one, which saves seconds."""
        groups = [migrations] if together else [[one] for one in migrations]
        for group in filter(None, groups):
            if group[0].into and not together:
                self._apply_days(group[0])
            self._in_transaction(partial(self._apply_group, group))
            self._done += len(group)

    def _apply_days(self, migration: Migration) -> None:
        """Commits each day that the migration's table lacks; the group that follows then finds no day to do."""
        self._report(migration, 0)
        self._cursor.execute(DAY_EVENTS)
        days = days_of_events(self._cursor, migration)
        for place, day in enumerate(days):
            self._report(migration, place / len(days))
            self._cursor.execute("set variable day = ?", [day])
            self._in_transaction(lambda cursor: cursor.execute(migration.sql))

    def _apply_group(self, migrations: Sequence[Migration], cursor: Cursor) -> None:
        # Another process may have applied some, had this one lost its turn.
        applied = recorded(cursor)
        lacking = [one for one in migrations if one.number not in applied]
        for migration in lacking:
            self._apply_one(migration, cursor)
        record(cursor, *((one.number, one.name) for one in lacking))
        if any(not one.after_model for one in lacking):
            # The views may name what was altered.
            cursor.execute("delete from migrations where number = ?", [MODEL_NUMBER])

    def _apply_one(self, migration: Migration, cursor: Cursor) -> None:
        """Runs a migration's statements: at once, for each day of events, or not at all."""
        if not migration.into:
            self._report(migration, 0)
        if migration.unless and cursor.execute(f"{migration.unless} limit 1").fetchone():
            return
        if not migration.by_day:
            cursor.execute(migration.sql)
            return
        cursor.execute(DAY_EVENTS)
        days = days_of_events(cursor, migration)
        for place, day in enumerate(days):
            self._report(migration, place / len(days))
            cursor.execute("set variable day = ?", [day])
            cursor.execute(migration.sql)

    def _report(self, migration: Migration, share: float) -> None:
        name = f"{migration.number:04} {migration.name.replace('_', ' ')}"
        self._progress(name, (self._done + share) / self._total)


def days_of_events(cursor: Cursor, migration: Migration) -> list[datetime]:
    """Returns the days for which a migration runs, oldest first."""
    done = f"except {DAYS.format(table=migration.into)}" if migration.into else ""
    return [day for (day,) in cursor.execute(f"{DAYS.format(table='events')} {done} order by all").fetchall()]


def finish_model(cursor: Cursor) -> None:
    """Builds the model and records it, sets the lake's options and removes the placeholder rows."""
    for option, value in OPTIONS.items():
        cursor.execute(f"call {LAKE}.set_option('{option}', {value})")
    for table in IN_CATALOG:
        keep_in_catalog(cursor, table)
    build_model(cursor)
    remove_placeholder_rows(cursor)
    cursor.execute(f"drop table if exists {VERSION_0_1}")
    cursor.execute("delete from migrations where number = ?", [MODEL_NUMBER])
    record(cursor, (MODEL_NUMBER, model_digest()))


def record(cursor: Cursor, *applied: tuple[int, str]) -> None:
    """Records which migrations, by number and name, were applied, the model's among them."""
    now = naive(datetime.now(UTC))
    insert_rows(cursor, "migrations", [Applied(number, name, now) for number, name in applied])
