"""The command `status`: prints the state of the store and of what collects its data."""

from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.commands import terminal
from pipeline.commands.answers import is_instant, shown
from pipeline.config.clock import now
from pipeline.config.errors import StoreError
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, dated, span
from pipeline.rules.verdict_text import LABELS


def print_status(state: dict[str, Any], console: Console) -> None:
    """Prints it for a person."""
    console.print(
        f"{state['store']}, revision {state['revision']:,}, {state['bytes'] / 1e6:,.1f} MB",
        highlight=False,
        markup=False,
    )
    console.print(news(state), highlight=False)
    overall = state["verdict"]
    console.print(f"{LABELS[overall['state']]}: {overall['sentence']}", highlight=False)
    lately = ("source", "files", "lines", "kept", "duplicates", "rejects", "unfamiliar", "last_event_at", "finished_at")
    print_rows(console, [{name: source[name] for name in lately} for source in state["sources"]])
    if state["rejects"] or state["unfamiliar"]:
        counts = f"{count(state['rejects'], 'reject')}, {count(state['unfamiliar'], 'unfamiliar value')}"
        console.print(f"{counts}; see the table rejects and docs/dictionary.md.", highlight=False)
    print_rows(console, state["open_incidents"])
    for stretch in state["coverage"]:
        console.print(covered(stretch), highlight=False)
    for trouble in state["troubles"]:
        console.print(trouble["sentence"].replace("`", ""), style="yellow", highlight=False)
    contacts = ("tenant", "feed", "outcome", "reached_at", "next_try_at", "requests", "detail")
    print_rows(console, [{name: contact[name] for name in contacts} for contact in state["contacts"]])
    run_by = state["beats_run_by"]
    if run_by is not None:
        console.print(
            "Background jobs are running: {role} (process {pid} on {host}, since {since}).".format(
                **run_by | {"since": written(run_by["since"])}
            ),
            highlight=False,
        )
    elif not any(trouble["kind"] == "dead" for trouble in state["troubles"]):
        console.print("Background jobs are not running; start the dashboard, or python -m pipeline watch.")
    print_rows(console, state["beats"])


def covered(stretch: dict[str, Any]) -> str:
    """Writes in a sentence which time a source's data covers."""
    holes = f", in {stretch['stretches']:,} stretches" if stretch["stretches"] > 1 else ""
    since, settled, until = (written(stretch[name]) for name in ("since", "settled_until", "until"))
    late = "" if settled == until else f"; late records may still come from {settled} on"
    return f"{stretch['source']} covers {since} to {until}{holes}{late}."


def news(state: dict[str, Any]) -> str:
    """Writes in a sentence how recent the newest event is."""
    if state["newest_event_at"] is None:
        return "No events yet; load logs first: python -m pipeline ingest sample_logs"
    newest, age = written(state["newest_event_at"]), span(state["age_s"])
    lag = "" if state["lag_s"] is None else f"; the last file was done {span(state['lag_s'])} after it"
    return f"{state['events']:,} events; the newest is of {newest}, {age} ago{lag}."


def written(value: Any) -> str:
    """Writes a value of the status for a person: an instant with its year, the rest as answers have it."""
    return dated(datetime.fromisoformat(value)) if isinstance(value, str) and is_instant(value) else shown(value)


def print_rows(console: Console, rows: list[dict[str, Any]]) -> None:
    """Prints objects of the same keys as a table; nothing when there are none."""
    if not rows:
        return
    table = Table(header_style="bold")
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int) else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(written(value)) for value in row.values()])
    console.print(table)


def status(as_json: terminal.Json = False) -> None:
    """Show the store, what each source last delivered, rejects, open incidents and the background jobs."""
    from pipeline.monitoring.status import needs_a_look
    from pipeline.monitoring.status import status as look
    from pipeline.monitoring.troubles import explained

    settings = read_settings()
    try:
        state = look(terminal.open_to_read(), now(settings))
    except StoreError as error:
        raise StoreError(explained(settings, error)) from error
    if as_json:
        terminal.print_json(state)
    else:
        print_status(state, terminal.page())
    if needs_a_look(state):
        raise typer.Exit(terminal.WORTH_A_LOOK)
