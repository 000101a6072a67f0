"""The command `publish`: writes a plain DuckDB file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import terminal


def publish(
    file: Annotated[Path, typer.Argument(help="The DuckDB file to write.", metavar="FILE.duckdb")],
    as_json: terminal.Json = False,
) -> None:
    """Write a plain DuckDB file of the public tables, for tools that only open files."""
    from pipeline.maintenance.publish import publish as write

    began = datetime.now(UTC)
    with terminal.share_bar("Publishing") as progress:
        size = write(terminal.open_to_read(), file.absolute(), progress)
    seconds = (datetime.now(UTC) - began).total_seconds()
    if as_json:
        terminal.print_json({"file": str(file), "bytes": size, "seconds": round(seconds, 3)})
    else:
        print(f"{file}: {size / 1e6:,.1f} MB in {seconds:.1f} s")
