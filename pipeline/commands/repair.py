"""The command `repair`: takes out what is broken, and says what that makes unknown and what brings it back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands import terminal
from pipeline.config.wording import count, instant

if TYPE_CHECKING:
    from pipeline.maintenance.lost_hours import Bringing, Stretch

SHOWN = 20
"Files that are listed on a screen; --json has all."
HOUR = timedelta(hours=1)


def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and change nothing.")] = False,
    as_json: terminal.Json = False,
) -> None:
    """Take out what `verify` finds broken, and list which hours become unknown and which files restore them."""
    from pipeline.maintenance.repair import find_damage
    from pipeline.maintenance.repair import repair as apply_repair

    store = terminal.open_to_write(migrate=False)
    with terminal.share_bar("Checking" if dry_run else "Repairing") as progress:
        done = find_damage(store, progress) if dry_run else apply_repair(store, progress)
    if as_json:
        broken = [{"file": one.file.path, "table": one.file.table, "fault": one.fault} for one in done.broken]
        about = {"dry_run": dry_run, "broken": broken, "lost_rows": done.lost_rows, "doubled": done.doubled}
        hours = [vars(one) for one in done.unknown]
        terminal.print_json({**about, "rebuilt": done.rebuilt, "unknown": hours, "files": [*map(vars, done.bringing)]})
        return
    if not done.needs_repair:
        print("Nothing to repair.")
        return
    verb = "to take out" if dry_run else "taken out"
    for one in done.broken:
        print(f"{one.file.path} ({one.file.table}) {one.fault}: {verb}.")
    for table, rows in done.lost_rows.items():
        print(f"{table}: {count(rows, 'row')} {'would go' if dry_run else 'went'} with broken files.")
    if "files" in done.lost_rows:
        print("Files whose lines of the ledger went are read anew by the next ingest of them.")
    for table, rows in done.doubled.items():
        print(f"{table}: {count(rows, 'row')} stored twice {'would go' if dry_run else 'removed'} once.")
    if done.rebuilt:
        print(f"What is derived from events {'would be' if dry_run else 'was'} made anew.")
    print_lost(done.unknown, done.bringing)


def print_lost(unknown: "Sequence[Stretch]", bringing: "Sequence[Bringing]") -> None:
    """Prints which hours became unknown, by job, and the files that may bring them back."""
    for subject in sorted({subject for one in unknown for subject in subjects(one)}):
        own = [one for one in unknown if subject in subjects(one)]
        hours = sum((one.until - one.since) // HOUR for one in own)
        between = f"{instant(min(one.since for one in own))} and {instant(max(one.until for one in own))}"
        print(f"Unknown now: {subject}, {count(hours, 'hour')} between {between}.")
    if there := sorted({one.again for one in bringing if one.again}):
        print("These files may bring them back: python -m pipeline ingest --again FILE…")
        print_some(there)
    if gone := [one.file for one in bringing if not one.again]:
        print("These brought records of these hours and are no files here; polls ask again for what Entra still keeps:")
        print_some(gone)


def subjects(one: "Stretch") -> list[str]:
    """Names whose rows went."""
    return [f"events of {job}" for job in one.jobs] or [one.kind]


def print_some(files: "Sequence[str]") -> None:
    """Prints files, not too many."""
    print("".join(f"  {file}\n" for file in files[:SHOWN]), end="")
    if len(files) > SHOWN:
        print(f"  and {len(files) - SHOWN:,} more; --json lists them.")
