"""What is known of one person's or group's accounts over time: former names, and accounts that were made anew."""

from itertools import pairwise

import pandas as pd
import streamlit as st

from pipeline.config.wording import instant, is_missing
from views.frame.data import Row, ask, records
from views.frame.look import plain, plain_name
from views.frame.panel import panel
from views.frame.table import table, text_column, time_columns

FACTS = {"account": "Account", "scope": "Scope", "target id": "ID in the app"}
SCOPES = {"in": "in scope", "out": "out of scope"}


def draw_former(source_id: str) -> None:
    """Draws under which names somebody was known before, and which accounts were made anew."""
    for _job, changes in ask("account_changes", object=source_id).groupby("job_id", sort=False, dropna=False):
        for line in sentences(records(changes)):
            st.markdown(line)


def sentences(changes: list[Row]) -> list[str]:
    """Writes what a person should know of the accounts in one app; nothing where there is one with one name."""
    app = plain_name(changes[0]["app_name"])
    return [*former_names(app, changes), *accounts_made_anew(app, changes)]


def former_names(app: str, changes: list[Row]) -> list[str]:
    """Writes each name that is not the newest."""
    former = [one for one in changes if one["fact"] in ("UPN", "display name") and not is_missing(one["until"])]
    newest = {one["fact"]: one["value"] for one in changes if is_missing(one["until"])}
    return [
        f"Former {one['fact']} in **{app}**: {plain(str(one['value']))}, until {instant(one['until'])}."
        for one in former
        if one["value"] != newest.get(one["fact"])
    ]


def accounts_made_anew(app: str, changes: list[Row]) -> list[str]:
    """Writes since when an account is another one than before: it was deleted, and one was made after that."""
    accounts = [one for one in changes if one["fact"] == "account"]
    lines = []
    for deleted, later in pairwise(accounts):
        if (deleted["value"], later["value"]) == ("deleted", "active"):
            before, after = (id_at(changes, one) for one in (deleted, later))
            lines.append(
                f"In **{app}** the account{before} was deleted on {instant(deleted['since'])}. Since "
                f"{instant(later['since'])} there is a new account{after}."
            )
    return lines


def id_at(changes: list[Row], account: Row) -> str:
    """Writes the id in the app that held at an account's change; nothing where none is known."""
    ids = [one for one in changes if one["fact"] == "target id" and one["since"] <= account["since"]]
    return f" {plain(str(ids[-1]['value']))}" if ids else ""


def draw_changes(source_id: str) -> None:
    """Draws every value of what is known of the accounts, with its time."""
    panel("account_changes", changes_table, empty="No events for this user or group are stored.", object=source_id)


def changes_table(rows: pd.DataFrame) -> None:
    """Draws one row per value, by app and fact."""
    scopes = rows["value"].map(SCOPES)
    shown = rows.assign(
        fact=rows["fact"].map(lambda fact: FACTS.get(fact, fact[:1].upper() + fact[1:])),
        value=rows["value"].where(rows["fact"] != "scope", scopes),
    )
    columns = {
        "app_name": text_column("App"),
        "fact": text_column("Field"),
        "value": text_column("Value"),
        **time_columns(since="Since", until="Until"),
    }
    table(shown, columns)
