"""The words `check` and `backtest`: what the rules say now, at another instant, or would have said."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipeline import terminal
from pipeline.announcing import telling
from pipeline.asking import Refused, extent
from pipeline.asof import as_of
from pipeline.backtest import Backtest, Firing
from pipeline.backtest import backtest as replay
from pipeline.catalog import instant
from pipeline.checking import last_check, overrides_of
from pipeline.health import Checked
from pipeline.health import check as ask_rules
from pipeline.incidents import Incident, open_incidents
from pipeline.rulebook import find_rule, judge
from pipeline.settings import read_settings
from pipeline.status import span
from pipeline.store import open_store

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
WORTH_A_LOOK = 1


def check(
    at: Annotated[
        str | None, typer.Option(help="As of when, ISO 8601; the present without it.", metavar="INSTANT")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask every health rule once, and print what opened and closed."""
    store = open_store(read_settings())
    moment = read_instant(at) if at else as_of(store)
    last = last_check(store)
    kept = last is None or moment >= last
    checked = ask_rules(store, moment, overrides=overrides_of(store), along=telling(store), keep=kept)
    lasting = open_incidents(store) if kept else checked.opened
    if as_json:
        print(json.dumps(document(checked, lasting, kept), ensure_ascii=False, indent=2, default=iso))
    else:
        print_check(terminal.page(), checked, lasting)
        if not kept:
            print(f"Only a look back: the last check was as of {last:%Y-%m-%d %H:%M} UTC, so nothing was kept.")
    if lasting or any(run.outcome == "failed" for run in checked.runs):
        raise typer.Exit(WORTH_A_LOOK)


def backtest(
    rule: Annotated[str, typer.Argument(help="A rule of queries/health/.", metavar="RULE")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Another value for a parameter.", metavar="NAME=VALUE")
    ] = None,
    since: Annotated[str | None, typer.Option(help="From when; the first event without it.", metavar="INSTANT")] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when; the newest event without it.", metavar="INSTANT")
    ] = None,
    step: Annotated[int, typer.Option(help="Minutes between two askings.")] = 60,
    as_json: Json = False,
) -> None:
    """Replay history through a rule: when it would have fired, how early, and how often for nothing."""
    store = open_store(read_settings(), read_only=True)
    asked, reach = find_rule(rule), extent(store)
    first = read_instant(since) if since else reach["since"]
    last = read_instant(until) if until else reach["until"]
    if first >= last:
        raise Refused(f"The window must begin before it ends; {first} until {last} was given.")
    changed = {asked.name: told(set_ or [])}
    judge(asked, changed[asked.name])
    with terminal.share_bar("Replaying") as progress:
        found = replay(store, asked, changed, first, last, timedelta(minutes=max(1, step)), progress)
    if as_json:
        print(json.dumps(backtest_document(found), ensure_ascii=False, indent=2, default=iso))
    else:
        print_backtest(terminal.page(), found)


def read_instant(text: str) -> datetime:
    """Reads an instant of the command line as naive UTC."""
    try:
        return instant(text)
    except ValueError:
        raise Refused(f"'{text}' is no instant; ISO 8601 was expected, such as 2026-01-20T12:00:00Z.") from None


def told(pairs: Sequence[str]) -> dict[str, Any]:
    """Reads what was set; two values, as in least=5/3, are the level to open and the level to close.

    >>> told(["least=5/3", "hours=12"])
    {'least': ['5', '3'], 'hours': '12'}
    """
    made: dict[str, Any] = {}
    for pair in pairs:
        name, equals, held = pair.partition("=")
        if not equals:
            raise Refused(f"--set {pair}: NAME=VALUE was expected, such as least=5 or least=5/3.")
        made[name] = held.split("/") if "/" in held else held
    return made


def iso(value: object) -> str:
    """Writes an instant for JSON."""
    return f"{value.isoformat()}Z" if isinstance(value, datetime) else str(value)


def document(checked: Checked, lasting: Sequence[Incident], kept: bool) -> dict[str, Any]:
    """Gives what `check --json` prints."""
    return {
        "at": checked.at,
        "kept": kept,
        "opened": [facts(one) for one in checked.opened],
        "closed": [facts(one) for one in checked.closed],
        "open": [facts(one) for one in lasting],
        "runs": [vars(run) for run in checked.runs],
    }


def facts(one: Incident) -> dict[str, Any]:
    """Gives an incident with its evidence as JSON."""
    return {**vars(one), "evidence": json.loads(one.evidence)}


def print_check(console: Console, checked: Checked, lasting: Sequence[Incident]) -> None:
    """Prints what a check changed, and what lasts."""
    console.print(f"As of {checked.at:%Y-%m-%d %H:%M} UTC, {len(checked.runs)} rules:", highlight=False)
    new = {one.incident_id for one in checked.opened}
    parts = (
        ("Opened", checked.opened),
        ("Closed", checked.closed),
        ("Lasts", [one for one in lasting if one.incident_id not in new]),
    )
    for heading, incidents in parts:
        for one in incidents:
            since = f"since {one.opened_at:%Y-%m-%d %H:%M}"
            console.print(f"  {heading:<8}{one.severity:<9} {one.summary} ({since})", highlight=False, soft_wrap=True)
    if not checked.opened and not checked.closed:
        console.print("  Nothing changed.")
    for run in checked.runs:
        if run.outcome in ("unknown", "failed"):
            console.print(f"  {run.outcome.capitalize():<8}{run.rule}: {run.detail}", highlight=False, soft_wrap=True)


def backtest_document(found: Backtest) -> dict[str, Any]:
    """Gives what `backtest --json` prints."""
    return {
        "rule": found.rule,
        "set": found.values,
        "since": found.since,
        "until": found.until,
        "step_s": found.step_s,
        "asked": found.asked,
        "quarantines": found.quarantines,
        "warned": found.warned,
        "false_alarms": found.false_alarms,
        "leads_s": found.leads_s,
        "firings": [vars(one) for one in found.firings],
    }


def print_backtest(console: Console, found: Backtest) -> None:
    """Prints when a rule would have fired, and what it would have been worth."""
    console.print(
        f"{found.rule}, asked {found.asked:,} times from {found.since:%Y-%m-%d %H:%M} until "
        f"{found.until:%Y-%m-%d %H:%M} UTC: it fired {len(found.firings)} times; "
        f"{found.warned} of {found.quarantines} quarantines came after a firing; "
        f"{found.false_alarms} firings were followed by none within 7 days.",
        highlight=False,
        soft_wrap=True,
    )
    if found.leads_s:
        console.print(
            f"Lead time: median {span(int(median(found.leads_s)))}, shortest {span(found.leads_s[0])}.", highlight=False
        )
    if found.firings:
        console.print(table_of(found.firings))


def table_of(firings: Sequence[Firing]) -> Table:
    """Sets firings in a table."""
    table = Table("fired", "began", "closed", "lead", "what", header_style="bold")
    for one in firings:
        closed = f"{one.closed_at:%Y-%m-%d %H:%M}" if one.closed_at else "lasts"
        lead = span(one.lead_s) if one.lead_s is not None else "–"
        table.add_row(f"{one.fired_at:%Y-%m-%d %H:%M}", f"{one.began_at:%Y-%m-%d %H:%M}", closed, lead, one.summary)
    return table
