"""The command `backtest`: shows when a rule would have fired on stored history."""

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
from pipeline.config.wording import count, dated, iso, span
from pipeline.rules.backtest import Backtest, Firing
from pipeline.rules.backtest import backtest as replay
from pipeline.rules.overrides import check_override
from pipeline.rules.rule import find_rule
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
    step: Annotated[int, typer.Option(help="Minutes between two evaluations.", min=1)] = 60,
    as_json: terminal.Json = False,
) -> None:
    """Replay history through a rule: when it would have fired, how early, and with how many false alarms."""
    store = terminal.open_to_read()
    chosen, stored = find_rule(rule), extent(store)
    first = read_instant(since) if since else stored["since"]
    last = read_instant(until) if until else stored["until"]
    if first >= last:
        raise InvalidRequest(f"The window must begin before it ends; {iso(first)} until {iso(last)} was given.")
    overrides = {chosen.name: read_values(set_ or [])}
    check_override(chosen, overrides[chosen.name])
    with terminal.share_bar("Replaying") as progress:
        result = replay(store, chosen, overrides, first, last, timedelta(minutes=step), progress)
    if as_json:
        terminal.print_json(backtest_document(result))
    else:
        print_backtest(terminal.page(), result)


def read_values(pairs: Sequence[str]) -> dict[str, Any]:
    """Reads the values of --set; two of them, as in least=5/3, are the level to open and the level to close.

    >>> read_values(["least=5/3", "hours=12"])
    {'least': ['5', '3'], 'hours': '12'}
    """
    made: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InvalidRequest(f"--set {pair}: NAME=VALUE was expected, such as least=5 or least=5/3.")
        made[name] = value.split("/") if "/" in value else value
    return made


def backtest_document(result: Backtest) -> dict[str, Any]:
    """Builds what `backtest --json` prints."""
    return {
        "rule": result.rule,
        "set": result.values,
        "since": result.since,
        "until": result.until,
        "step_s": result.step_s,
        "asked": result.evaluations,
        "quarantines": result.quarantines,
        "warned": result.warned,
        "false_alarms": result.false_alarms,
        "leads_s": result.leads_s,
        "firings": [vars(one) for one in result.firings],
    }


def print_backtest(console: Console, result: Backtest) -> None:
    """Prints when a rule would have fired, and how well it would have warned."""
    console.print(
        f"{result.rule}, asked {count(result.evaluations, 'time')} from {dated(result.since)} until "
        f"{dated(result.until)}: it fired {count(len(result.firings), 'time')}; "
        f"{result.warned} of {count(result.quarantines, 'quarantine')} came after a firing; "
        f"{count(result.false_alarms, 'firing')} without a quarantine within 7 days.",
        highlight=False,
        soft_wrap=True,
    )
    if result.leads_s:
        console.print(
            f"Lead time: median {span(int(median(result.leads_s)))}, shortest {span(result.leads_s[0])}.",
            highlight=False,
        )
    if result.firings:
        console.print(table_of(result.firings))


def table_of(firings: Sequence[Firing]) -> Table:
    """Sets firings in a table."""
    table = Table("fired", "began", "closed", "lead", "what", header_style="bold")
    for one in firings:
        closed, lead = dated(one.closed_at, "lasts"), span(one.lead_s, "–")
        table.add_row(dated(one.fired_at), dated(one.began_at), closed, lead, one.summary)
    return table
