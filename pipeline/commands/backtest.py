"""The command `backtest`: shows when a rule would have fired on stored history."""

import json
from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipeline.commands import terminal
from pipeline.commands.arguments import read_instant
from pipeline.config.errors import InvalidRequest
from pipeline.config.wording import span
from pipeline.rules.backtest import Backtest, Firing
from pipeline.rules.backtest import backtest as replay
from pipeline.rules.rule import find_rule, judge
from pipeline.store.present import extent


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
    as_json: terminal.Json = False,
) -> None:
    """Replay history through a rule: when it would have fired, how early, and how often for nothing."""
    store = terminal.open_to_read()
    asked, reach = find_rule(rule), extent(store)
    first = read_instant(since) if since else reach["since"]
    last = read_instant(until) if until else reach["until"]
    if first >= last:
        raise InvalidRequest(f"The window must begin before it ends; {first} until {last} was given.")
    changed = {asked.name: overridden(set_ or [])}
    judge(asked, changed[asked.name])
    with terminal.share_bar("Replaying") as progress:
        found = replay(store, asked, changed, first, last, timedelta(minutes=max(1, step)), progress)
    if as_json:
        print(json.dumps(backtest_document(found), ensure_ascii=False, indent=2, default=terminal.iso))
    else:
        print_backtest(terminal.page(), found)


def overridden(pairs: Sequence[str]) -> dict[str, Any]:
    """Reads what was set; two values, as in least=5/3, are the level to open and the level to close.

    >>> overridden(["least=5/3", "hours=12"])
    {'least': ['5', '3'], 'hours': '12'}
    """
    made: dict[str, Any] = {}
    for pair in pairs:
        name, equals, held = pair.partition("=")
        if not equals:
            raise InvalidRequest(f"--set {pair}: NAME=VALUE was expected, such as least=5 or least=5/3.")
        made[name] = held.split("/") if "/" in held else held
    return made


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
