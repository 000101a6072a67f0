"""The command `lint`: prints or writes the vendor report of an app's SCIM answers as Markdown."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.commands import terminal
from pipeline.commands.arguments import read_instant
from pipeline.config.errors import InvalidRequest, UnknownApp
from pipeline.config.wording import dated, iso
from pipeline.knowledge.scim_findings import markdown
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store

APPS = """
select app_id, max(app_name), list(distinct job_id)
from (
    select app_id, app_name, job_id from events where app_id is not null group by all
    union all
    select app_id, app_name, job_id from job_snapshots where app_id is not null group by all
    union all
    select app_id, null, null from exchanges where app_id is not null group by all
)
group by app_id
order by 2, 1
"""
FAILURES = "select min(occurred_at), max(occurred_at) from problems"
EXTENT = "select min(occurred_at), max(occurred_at) from exchanges"


def lint(
    app: Annotated[str, typer.Argument(help="The app: its name, its id or its job's id.", metavar="APP")],
    out: Annotated[Path | None, typer.Argument(help="The file to write; printed without it.", metavar="OUT.md")] = None,
    since: Annotated[
        str | None, typer.Option(help="From when; the first request without it.", metavar="INSTANT")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when; the newest request without it.", metavar="INSTANT")
    ] = None,
) -> None:
    """Report what in an app's SCIM answers its vendor should fix, from real requests."""
    if out is not None:
        terminal.check_file_to_write(out, "scim-report.md")
    store = terminal.open_to_read()
    app_id, name = find_app(store, app)
    first, last = window_of(store, since, until)
    text = report(store, app_id, name, first, last)
    if out is None:
        print(text, end="")
        return
    out.write_text(text, encoding="utf-8")
    print(f"{out}: what {name} answered from {dated(first)} until {dated(last)}")


def find_app(store: Store, word: str) -> tuple[str, str]:
    """Returns the id and name of the app that a word names, in any case."""
    apps = {name: (row[0], row[1] or row[0]) for row in store.rows(APPS) for name in (row[1], row[0], *row[2]) if name}
    lower = {name.lower(): app for name, app in apps.items()}
    if word.lower() in lower:
        return lower[word.lower()]
    nearest = get_close_matches(word.lower(), lower, 1)
    hint = f"did you mean {lower[nearest[0]][1]}?" if nearest else listing(apps) if apps else "no app is known yet."
    raise UnknownApp(f"No app is called '{word}'; {hint}")


def listing(apps: Mapping[str, tuple[str, str]]) -> str:
    """Lists the apps that there are."""
    return f"there are {', '.join(sorted({name for _, name in apps.values()}))}."


def window_of(store: Store, since: str | None, until: str | None) -> tuple[datetime, datetime]:
    """Returns the window: as given, else from the first stored request to the newest."""
    first, newest = store.rows(EXTENT)[0]
    start = read_instant(since) if since else first or datetime(1970, 1, 1)
    end = read_instant(until) if until else (newest or start) + timedelta(seconds=1)
    if start >= end:
        raise InvalidRequest(f"The window must begin before it ends; {iso(start)} until {iso(end)} was given.")
    return start, end


def report(store: Store, app_id: str, name: str, since: datetime, until: datetime) -> str:
    """Writes the report of one app's window as Markdown."""
    given = {"since": since, "until": until, "app": app_id}
    [seen] = answers(store, "target_looked_at", given)
    return markdown(name, since, until, answers(store, "target_lint", given), seen, errors_of(store, name))


def errors_of(store: Store, name: str) -> list[dict[str, Any]]:
    """Returns Entra's issues with an app that the app's side can fix."""
    first, newest = store.rows(FAILURES)[0]
    if first is None:
        return []
    issues = answers(store, "issues", {"since": first, "until": newest + timedelta(seconds=1)})
    return [one for one in issues if one["app_name"] == name and one["fault"] == "target"]


def answers(store: Store, name: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Answers a question of `queries/`."""
    query = find_query(name)
    rows: list[dict[str, Any]] = store.ask(query.sql, bind(query, given)).to_pylist()
    return rows
