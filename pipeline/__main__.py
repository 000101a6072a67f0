"""python -m pipeline COMMAND: words become one call each.

Exit 0: done. 1: done, with rejects or open problems worth a look. 2: could not be done; stderr says why in a sentence.
"""

import json
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.table import Table

from pipeline import answers, terminal
from pipeline.asking import Refused, read_words, with_window
from pipeline.catalog import UnknownQuery, WrongValue, bind, catalog, find_query
from pipeline.clock import now
from pipeline.ingest import IngestError
from pipeline.ingest import ingest as read_files
from pipeline.publish import PublishError
from pipeline.questions import read_only_statement
from pipeline.routes import RoutesError
from pipeline.rulebook import RulesError
from pipeline.settings import SettingsError, read_settings
from pipeline.store import Store, StoreError, open_store, seal
from pipeline.tenants import TenantsError

logger = logging.getLogger("pipeline")
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
WORTH_A_LOOK = 1
NOT_DONE = 2


EXPECTED = (
    StoreError, SettingsError, RoutesError, RulesError, TenantsError, IngestError, PublishError, UnknownQuery,
    WrongValue, Refused,
)  # fmt: skip
"What a person can meet; each says what, where and what to do."

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="Write a Parquet file.", metavar="FILE")]


@app.command()
def ingest(
    paths: Annotated[
        list[str], typer.Argument(help="Files and folders, also .gz; - reads standard input.", metavar="PATH…")
    ],
    as_json: Json = False,
    every: Annotated[bool, typer.Option("--all", help="List every file, however many there are.")] = False,
) -> None:
    """Read files and folders once; what was read before is not read again."""
    store = open_store(read_settings())
    with terminal.bytes_bar("Reading") as progress:
        report = read_files(store, paths, progress=progress)
    if as_json:
        print_json(terminal.ingest_document(report.files, report.seconds))
    else:
        terminal.print_ingest(terminal.page(), report.files, report.seconds, every)
    if any(file.rejects for file in report.files):
        raise typer.Exit(WORTH_A_LOOK)


@app.command(context_settings={"ignore_unknown_options": True})
def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="A question of queries/, then a value for any of its parameters.", metavar="QUERY [--NAME VALUE]…"
        ),
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
    parquet: Parquet = None,
) -> None:
    """Answer a question of queries/; without one, list them. Without --since and --until, of all that is stored."""
    name, values = read_words(words or [])
    if name is None:
        list_questions(as_json)
        return
    query = find_query(name)
    store = open_to_read()
    bound = bind(query, with_window(store, query, values))
    give(store.fetch(query.sql, bound), as_json, as_csv, parquet)


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="One statement that only reads.")],
    as_json: Json = False,
    as_csv: Csv = False,
    parquet: Parquet = None,
) -> None:
    """Answer one read-only SQL statement."""
    seal(store := open_to_read())
    give(store.fetch(read_only_statement(statement)), as_json, as_csv, parquet)


@app.command()
def status(as_json: Json = False) -> None:
    """Show the store, what each source last delivered, rejects, open incidents and the beats."""
    from pipeline.pulse import explained
    from pipeline.status import needs_a_look, print_status
    from pipeline.status import status as look

    settings = read_settings()
    try:
        state = look(open_to_read(), now(settings))
    except StoreError as error:
        raise StoreError(explained(settings, error)) from error
    if as_json:
        print_json(state)
    else:
        print_status(state, terminal.page())
    if needs_a_look(state):
        raise typer.Exit(WORTH_A_LOOK)


@app.command()
def preflight(as_json: Json = False) -> None:
    """Say of every tenant, feature by feature, which permission is present or missing; nothing is written there."""
    from pipeline.permissions import look, permissions_document, print_permissions, verdict

    found = look(read_settings())
    if as_json:
        print_json(permissions_document(found))
    else:
        print_permissions(found, terminal.page())
    raise typer.Exit(verdict(found))


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="The DuckDB file to write.", metavar="FILE.duckdb")],
    as_json: Json = False,
) -> None:
    """Write a plain DuckDB file of the public tables, for tools that only open files."""
    from pipeline.publish import publish as write

    began = datetime.now(UTC)
    with terminal.share_bar("Publishing") as progress:
        size = write(open_to_read(), file.absolute(), progress)
    seconds = (datetime.now(UTC) - began).total_seconds()
    if as_json:
        print_json({"file": str(file), "bytes": size, "seconds": round(seconds, 3)})
    else:
        print(f"{file}: {size / 1e6:,.1f} MB in {seconds:.1f} s")


@app.command()
def maintain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Merge small files, expire old snapshots, apply retention."""
    from pipeline.upkeep import maintain as tidy

    began = datetime.now(UTC)
    done = tidy(open_store(read_settings()), began, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "done": [vars(item) for item in done]})
        return
    for item in done:
        print(f"{item.chore} of {item.subject}: {item.amount:,} {item.unit}{' would go' if dry_run else ''}")
    if not done:
        print("Nothing to do.")


@app.command()
def watch() -> None:
    """Run the beats until told to stop: read the inbox, keep the store tidy, publish."""
    from pipeline.lease import holder
    from pipeline.schedule import Standby

    logging.getLogger("pipeline").setLevel(logging.INFO)
    settings = read_settings()
    open_store(settings).close()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    other = holder(settings)
    if other is not None:
        logger.info("The beats are run by %s; this process takes over when that ends.", other)
    standby = Standby(settings, "watch").start()
    # A wait without a limit would keep Python from handling the signal on some systems.
    while not stop.wait(1):
        pass
    standby.stop()


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where the logs go.", metavar="DIR")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 7,
    users: Annotated[int, typer.Option(help="People in the tenant.")] = 800,
    groups: Annotated[int, typer.Option(help="Groups in the tenant.")] = 40,
    days: Annotated[int, typer.Option(help="Days of logs.")] = 21,
    skew: Annotated[float, typer.Option(help="Seconds by which the app's own clock is ahead.")] = 0,
) -> None:
    """Write a realistic tenant's logs, with planted incidents and an answer key."""
    from pipeline.sample import write_tenant

    try:
        with terminal.share_bar("Writing") as progress:
            key = write_tenant(folder, seed=seed, users=users, groups=groups, days=days, skew=skew, progress=progress)
    except ValueError as error:
        raise Refused(str(error)) from error
    print(f"{folder}: the logs of {users} users over {days} days; what is planted in them stands in {key}")


def add_words() -> None:
    """Adds the commands that have a module of their own; each imports what it needs when it runs."""
    from pipeline.evidencewords import evidence, verify
    from pipeline.lintwords import lint
    from pipeline.notifying import notify
    from pipeline.polling import poll
    from pipeline.rulewords import backtest, check
    from pipeline.tokenwords import ANY, token

    for word in (poll, check, backtest, lint, notify, evidence, verify):
        app.command()(word)
    app.command(context_settings=ANY)(token)


def open_to_read() -> Store:
    """Opens the store as a reader: it neither waits for a writer nor keeps one waiting."""
    return open_store(read_settings(), read_only=True)


def give(answer: pa.Table, as_json: bool, as_csv: bool, parquet: Path | None) -> None:
    """Gives an answer in the form that was asked for."""
    if as_json + as_csv + (parquet is not None) > 1:
        raise Refused("Give one of --json, --csv and --parquet.")
    if parquet is not None:
        answers.write_parquet(answer, parquet)
        print(f"{parquet}: {answer.num_rows:,} rows", file=sys.stderr)
        return
    with terminal.enough():
        if as_json:
            answers.write_json(answer, sys.stdout)
        elif as_csv:
            answers.write_csv(answer, sys.stdout)
        else:
            answers.print_answer(answer, terminal.page())


def list_questions(as_json: bool) -> None:
    """Prints every question with the parameters that it takes."""
    queries = list(catalog().values())
    if as_json:
        print_json(
            [{"query": q.name, "question": q.question, "parameters": [vars(p) for p in q.parameters]} for q in queries]
        )
        return
    table = Table(header_style="bold")
    for heading in ("query", "question", "parameters"):
        table.add_column(heading, overflow="fold")
    for query in queries:
        table.add_row(query.name, query.question, " ".join(f"--{parameter.name}" for parameter in query.parameters))
    terminal.page().print(table)


def print_json(document: Any) -> None:
    """Prints one JSON document."""
    print(json.dumps(document, ensure_ascii=False, indent=2))


def run(words: Sequence[str]) -> int:
    """Carries out a command and gives its exit code; whatever went wrong has been said on stderr."""
    add_words()
    try:
        app(list(words), prog_name="python -m pipeline")
        return 0
    except SystemExit as exit:
        return int(exit.code or 0)
    except OSError as error:
        print(f"{error.filename or 'The disk'}: {error.strerror or error}.", file=sys.stderr)
    except EXPECTED as error:
        print(error, file=sys.stderr)
    except Exception:
        logger.exception("This should not happen; please report it with the lines below")
    return NOT_DONE


def main() -> None:
    """Runs the command line."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
