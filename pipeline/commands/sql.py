"""The command `sql`: answers one read-only statement."""

from typing import Annotated

import typer

from pipeline.commands import terminal
from pipeline.commands.answers import output
from pipeline.store.lake import seal
from pipeline.store.read_only import read_only_statement


def sql(
    statement: Annotated[str, typer.Argument(help="One statement that only reads.")],
    as_json: terminal.Json = False,
    as_csv: terminal.Csv = False,
    parquet: terminal.Parquet = None,
) -> None:
    """Answer one read-only SQL statement."""
    seal(store := terminal.open_to_read())
    output(store, read_only_statement(statement), None, as_json, as_csv, parquet)
