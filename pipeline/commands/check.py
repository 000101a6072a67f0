"""The command `check`: evaluates every health rule once."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from pipeline.commands import terminal
from pipeline.commands.arguments import read_instant
from pipeline.config.wording import count, dated
from pipeline.notify.enqueue import outbox_writer
from pipeline.rules.catch_up import last_check, overrides_of
from pipeline.rules.evaluate import Checked
from pipeline.rules.evaluate import check as check_rules
from pipeline.rules.incidents import Incident, open_incidents
from pipeline.rules.root_cause import Group, groups
from pipeline.store.present import as_of


def check(
    at: Annotated[
        str | None, typer.Option(help="As of when, ISO 8601; the present without it.", metavar="INSTANT")
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Check every alert rule once, and print which incidents opened and closed."""
    store = terminal.open_to_write()
    moment = read_instant(at) if at else as_of(store)
    last = last_check(store)
    kept = last is None or moment >= last
    checked = check_rules(store, moment, overrides=overrides_of(store), along=outbox_writer(store), keep=kept)
    lasting = open_incidents(store) if kept else checked.opened
    if as_json:
        terminal.print_json(document(checked, lasting, kept))
    else:
        print_check(terminal.page(), checked, lasting)
        if not kept:
            print(f"Only a look back: the last check was as of {dated(last)}, so nothing was kept.")
    if lasting or any(run.outcome == "failed" for run in checked.runs):
        raise typer.Exit(terminal.WORTH_A_LOOK)


def document(checked: Checked, lasting: Sequence[Incident], kept: bool) -> dict[str, Any]:
    """Builds what `check --json` prints."""
    return {
        "at": checked.at,
        "kept": kept,
        "opened": [facts(one) for one in checked.opened],
        "closed": [facts(one) for one in checked.closed],
        "open": [facts(one) for one in lasting],
        "runs": [vars(run) for run in checked.runs],
    }


def facts(one: Incident) -> dict[str, Any]:
    """Returns an incident with its evidence as JSON."""
    return {**vars(one), "evidence": json.loads(one.evidence)}


def print_check(console: Console, checked: Checked, lasting: Sequence[Incident]) -> None:
    """Prints what a check changed, and what lasts."""
    console.print(f"As of {dated(checked.at)}, {count(len(checked.runs), 'rule')}:", highlight=False)
    new, explained = {one.incident_id for one in checked.opened}, groups(lasting)
    parts = (
        ("Opened", [one for one in checked.opened if one.explained_by not in explained]),
        ("Closed", checked.closed),
        ("Lasts", [one.root for one in explained.values() if one.root.incident_id not in new]),
    )
    for heading, incidents in parts:
        for one in incidents:
            since = f"since {dated(one.opened_at)}"
            console.print(f"  {heading:<8}{one.severity:<9} {one.summary} ({since})", highlight=False, soft_wrap=True)
            for symptom in explained.get(one.incident_id, Group(one)).symptoms if heading != "Closed" else ():
                console.print(f"    explains: {symptom.summary}", highlight=False, soft_wrap=True)
            if one.missing and one.closed_at is None and heading == "Lasts":
                console.print(f"    Unknown since {dated(one.unknown_since)}: {one.missing}", highlight=False)
    if not checked.opened and not checked.closed:
        console.print("  Nothing changed.")
    for run in checked.runs:
        if run.outcome in ("unknown", "failed"):
            console.print(f"  {run.outcome.capitalize():<8}{run.rule}: {run.detail}", highlight=False, soft_wrap=True)
