"""The command `forget`: removes what a file brought."""

from typing import Annotated

import typer

from pipeline.commands import terminal
from pipeline.commands.repair import print_lost
from pipeline.config.wording import count
from pipeline.ingest.characters import fit_name


def forget(
    file: Annotated[str, typer.Argument(help="A file that was read, or a folder.", metavar="FILE")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and change nothing.")] = False,
    as_json: terminal.Json = False,
) -> None:
    """Remove a file's rows, rejects and ledger line; what came first by another route, or from another file, stays."""
    from pipeline.maintenance.forget import forget as drop

    store = terminal.open_to_write()
    with terminal.share_bar("Looking" if dry_run else "Forgetting") as progress:
        gone = drop(store, file, dry_run=dry_run, progress=progress)
    if as_json:
        hours = [vars(one) for one in gone.unknown]
        about = {"dry_run": dry_run, "files": list(gone.names), "rows": gone.rows, "unknown": hours}
        about |= {"missing": list(gone.missing)}
        terminal.print_json({**about, "bringing": [*map(vars, gone.bringing)]})
        return
    rows = ", ".join(f"{count(many, 'row')} of {table}" for table, many in gone.rows.items() if many) or "no rows"
    verb = "would go" if dry_run else "went"
    print(f"{fit_name(file)}: {rows} {verb}, and {count(len(gone.names), 'line')} of the ledger.")
    if gone.missing:
        named = ", ".join(gone.missing[:3]) + (" …" if len(gone.missing) > 3 else "")
        print(f"Of the same time, but not there any more: {named}. What only these held as well is not kept.")
    print_lost(gone.unknown, gone.bringing)
