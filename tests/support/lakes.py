"""Other processes for a test: a script of a few lines, or a command, over the same lake as the test's own."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from textwrap import dedent

from pipeline.config.settings import Settings
from pipeline.ingest.aggregates import add_to_aggregates
from pipeline.store.lake import Cursor, Store

ROOT = Path(__file__).parents[2]


def script(text: str, *words: str) -> subprocess.Popen[str]:
    """Starts Python on a text; it inherits the test's PROVISIONING_* and writes to pipes."""
    return start("-c", dedent(text), *words)


def command(*words: str) -> subprocess.Popen[str]:
    """Starts `python -m pipeline` with words."""
    return start("-m", "pipeline", *words)


def start(*words: str) -> subprocess.Popen[str]:
    """Starts this Python with words, in the project's folder."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Waits for a process and gives its exit code, stdout and stderr."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def next_line(process: subprocess.Popen[str]) -> str:
    """Gives the next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def copied(blank: Settings, settings: Settings) -> None:
    """Copies an empty lake to where other settings point, unless there is one: making its tables takes longer."""
    made, catalog = blank.catalog_file, settings.catalog_file
    assert made is not None and catalog is not None
    if not catalog.exists():
        shutil.copytree(blank.folder, settings.folder)
        shutil.copy(made, catalog)
        # A lake knows where its files are.
        with closing(sqlite3.connect(catalog)) as copy, copy:
            copy.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{settings.folder}/"])


def add_events(
    store: Store, first: int, count: int, *, people: int = 50, start: str = "2026-01-05", step_s: int = 60
) -> None:
    """Commits `count` events, one each `step_s` seconds, of which a third fail, with what the fold makes of them."""

    def add(cursor: Cursor) -> None:
        cursor.execute("create or replace temp table arriving as from events limit 0")
        cursor.execute(
            """
            insert into arriving by name
            select
                'event-' || n as event_id,
                'scim.cerby' as job_id,
                'cycle-' || n // 50 as cycle_id,
                $start::timestamp + to_seconds(n * $step) as occurred_at,
                case when n % 97 = 0 then 'delete' else 'update' end as "action",
                case when n % 3 = 0 then 'failure' else 'success' end as status,
                case when n % 3 = 0 then 'EntryConflict' end as error_code,
                'Cerby' as app_name,
                'person-' || n % $people as source_id,
                case when n % 2 = 0 then n % $people || '@example.com' end as upn,
                'EntryExportUpdate' as last_step,
                100 as duration_ms,
                [{'name': 'EntryExportUpdate', 'type': 'export', 'status': 'success', 'description': '',
                    'details': '{}'::json}] as steps,
                [{'attribute': 'mail', 'old_value': null, 'new_value': 'x'}] as changes
            from (select unnest(range($first, $first + $count)) as n)
            """,
            {"first": first, "count": count, "people": people, "start": start, "step": step_s},
        )
        cursor.execute("insert into events from arriving")
        add_to_aggregates(cursor)

    store.write(add)
