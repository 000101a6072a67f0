"""The command `ask`: answers one question of queries/."""

from typing import Annotated

import typer
from rich.table import Table

from pipeline.commands import terminal
from pipeline.commands.answers import output
from pipeline.commands.arguments import check_window, read_words, with_window
from pipeline.store.catalog import bind, catalog, find_query
from pipeline.store.present import up_to_present


def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="A question of queries/, then a value for any of its parameters.", metavar="QUERY [--NAME VALUE]…"
        ),
    ] = None,
    as_json: terminal.Json = False,
    as_csv: terminal.Csv = False,
    parquet: terminal.Parquet = None,
) -> None:
    """Answer a question of queries/; without one, list them. Without --since and --until, of all that is stored."""
    name, values = read_words(words or [])
    if name is None:
        list_questions(as_json)
        return
    query = find_query(name)
    store = terminal.open_to_read()
    bound = bind(query, with_window(store, query, values))
    if {"since", "until"} <= values.keys():
        check_window(bound["since"], bound["until"])
    output(store, up_to_present(store, query.sql, query.columns), bound, as_json, as_csv, parquet)


def list_questions(as_json: bool) -> None:
    """Prints every question with the parameters that it takes."""
    queries = list(catalog().values())
    if as_json:
        terminal.print_json(
            [
                {"query": q.name, "title": q.title, "topic": q.topic, "question": q.question}
                | {"parameters": [vars(p) for p in q.parameters]}
                for q in queries
            ]
        )
        return
    table = Table(header_style="bold")
    for heading in ("query", "question", "parameters"):
        table.add_column(heading, overflow="fold")
    for query in queries:
        table.add_row(query.name, query.question, " ".join(f"--{parameter.name}" for parameter in query.parameters))
    terminal.page().print(table)
