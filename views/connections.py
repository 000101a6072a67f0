"""Connections: how each job is configured, whether that suits its app, and whether everything that is asked answers."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config import clock
from pipeline.config.errors import ProfileError, TenantsError
from pipeline.config.settings import Settings, read_settings
from pipeline.config.tenants import Tenant, read_tenants
from pipeline.knowledge.app_profiles import Profile, read_profiles
from views.frame.data import BLANK, Row, ask, is_empty, picked, records, teach, tile, times
from views.frame.look import chip_colours, chips, count, missing, plain, span
from views.parts.connections import configuration as configuration_part
from views.parts.connections import contacts as contacts_part
from views.parts.connections import tokens
from views.parts.connections.configuration import NOT_TOLD, STOPPED, Checked, checked
from views.parts.connections.contacts import ago

RANK = ("unfit", "doubtful", "unread", "fits", "unprofiled")
MAIL = {True: "on", False: "off"}
SCOPE = {"assigned": "assigned only", "all": "everybody"}


def tenants_of(settings: Settings) -> list[Tenant]:
    """Gives the tenants to ask; says what is wrong with their file, or how to begin where there is none."""
    try:
        tenants = read_tenants(settings)
    except TenantsError as error:
        st.error(str(error), icon=":material/error:")
        return []
    if not tenants:
        st.info(
            "Microsoft Graph is not asked: no tenant is set up. To have events, job status and attribute mappings come "
            "by themselves, write a file of tenants and let PROVISIONING_TENANTS name it; `docs/graph.md` shows how, "
            "and `python -m pipeline preflight` says whether its permissions suffice. Until then this page shows what "
            "the job documents that were loaded tell.",
            icon=":material/link_off:",
        )
    return tenants


def profiles_of(settings: Settings) -> list[Profile]:
    """Gives what is known of target apps; says what is wrong with a file of theirs."""
    try:
        return read_profiles(settings)
    except ProfileError as error:
        st.error(str(error), icon=":material/error:")
        return []


def present(settings: Settings) -> datetime:
    """Gives the present instant as the store writes it."""
    return clock.naive(clock.now(settings))


def say(seen: list[Checked], contacts: list[Row], permissions: list[Row], asks: bool, now: datetime) -> None:
    """Answers in one sentence whether the connections are in order, in the colour of the worst of it."""
    bad = [*faults(seen), *failing(contacts), *lacking(permissions)]
    doubts = [*doubtful(seen), *untried(permissions, asks)]
    told = [count(len(seen), "job"), *bad, *doubts, *answered(contacts, asks, now)]
    if not bad and not doubts and any(one.word == "fits" for one in seen):
        told.insert(1, "every configuration that has a profile fits it")
    draw, icon = (st.error, "error") if bad else (st.warning, "warning") if doubts else (st.success, "check_circle")
    if draw is st.success and not contacts and not any(one.word == "fits" for one in seen):
        draw, icon = st.info, "info"
    draw(f"{'; '.join(told)}.", icon=f":material/{icon}:")


def faults(seen: list[Checked]) -> list[str]:
    """Says what each unfit job has, its first finding in full."""
    said = []
    for one in seen:
        grave = [finding for finding in one.findings if finding.grave]
        if grave:
            more = f" (and {count(len(grave) - 1, 'more thing')})" if len(grave) > 1 else ""
            said.append(f"**{plain(str(one.job['app_name']))}** is unfit: {plain(grave[0].text.rstrip('.'))}{more}")
    return said


def doubtful(seen: list[Checked]) -> list[str]:
    """Names jobs to look at, and those that somebody stopped."""
    names = [f"**{plain(str(one.job['app_name']))}**" for one in seen if one.word == "doubtful"]
    stopped = [
        f"**{plain(str(one.job['app_name']))}** is {STOPPED[str(one.job['schedule_state'])]}"
        for one in seen
        if str(one.job["schedule_state"]) in STOPPED
    ]
    return [f"{' and '.join(names)} should be looked at"] * bool(names) + stopped


def failing(contacts: list[Row]) -> list[str]:
    """Says which feeds do not answer."""
    return [
        f"**{plain(str(row['tenant']))}** does not give its {row['feed']}: "
        f"{count(int(row['failures'] or 0), 'try', 'tries')} in a row failed"
        for row in contacts
        if row["outcome"] == "failed"
    ]


def lacking(permissions: list[Row]) -> list[str]:
    """Says which permission is missing for whom, and what for."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for row in permissions:
        if row["state"] == "missing":
            wanted.setdefault((str(row["scope"]), str(row["tenant"])), []).append(str(row["feature"]))
    return [
        f"permission **{plain(scope)}** is missing for {plain(tenant)} ({' and '.join(features)})"
        for (scope, tenant), features in wanted.items()
    ]


def untried(permissions: list[Row], asks: bool) -> list[str]:
    """Says whose permissions are not known, and which are too much."""
    unknown = sorted({plain(str(row["tenant"])) for row in permissions if row["state"] == "unknown"})
    spare = [
        f"{plain(str(row['tenant']))} has {row['scope']}, too much" for row in permissions if row["state"] == "excess"
    ]
    never = ["permissions were never tried (`python -m pipeline preflight`)"] if asks and not permissions else []
    return [f"the permissions of {' and '.join(unknown)} could not be tried"] * bool(unknown) + spare + never


def answered(contacts: list[Row], asks: bool, now: datetime) -> list[str]:
    """Says when Graph last answered."""
    reached = [row["reached_at"] for row in contacts if row["feed"] != "container" and not missing(row["reached_at"])]
    if reached:
        return [f"Graph last answered {ago(max(reached), now)}"]
    return ["Graph has never answered"] if contacts or asks else []


def table(seen: list[Checked], read_at: dict[str, Any]) -> None:
    """Draws one row per job, the unfit first."""
    shown = pd.DataFrame([told(one, read_at) for one in seen])
    shown["said"] = chips(shown["word"])
    labels, colours = chip_colours()
    columns = {
        "app_name": st.column_config.TextColumn("App", pinned=True),
        "said": st.column_config.MultiselectColumn("Against its profile", options=labels, color=colours),
        "schedule": st.column_config.TextColumn("Schedule"),
        "interval": st.column_config.TextColumn("Every"),
        "mail": st.column_config.TextColumn("Mail on failure", help="Whether Entra mails somebody on quarantine"),
        "limit": st.column_config.TextColumn("Deletion limit", help="Deletions in one cycle that quarantine the job"),
        "scope": st.column_config.TextColumn("Provisions", help="Everybody, or only who is assigned to the app"),
        "matches": st.column_config.TextColumn("Matches by", help="The app's attributes that objects are matched by"),
        **times(heard_at="Job last heard", read_at="Configuration read"),
    }
    st.dataframe(
        shown,
        column_config=columns,
        column_order=list(columns),
        hide_index=True,
        placeholder=BLANK,
        key="connections",
        on_select="rerun",
        selection_mode="single-row",
    )
    st.caption(
        "Select a row for its mappings. “Not told” is neither on nor off: mail and scope stand beside secrets at "
        "Graph, and are asked for only where a tenant has `app_settings = true`; whether Graph tells them to whoever "
        "may only read is not documented. A limit of “none” is what the job's document says; whether Entra applies "
        "one of its own then is not documented either."
    )


def chosen(seen: list[Checked]) -> Checked:
    """Gives the job whose row is selected, else the first: the one that needs a look the most."""
    place = picked(st.session_state["connections"])
    return seen[place if place is not None and place < len(seen) else 0]


def told(one: Checked, read_at: dict[str, Any]) -> Row:
    """Writes one job's configuration, what nobody told as such."""
    job = one.job
    heard = not missing(job["heard_at"])
    limit = job["deletion_threshold"]
    return {
        "app_name": job["app_name"],
        "word": one.word,
        "schedule": NOT_TOLD if missing(job["schedule_state"]) else str(job["schedule_state"]),
        "interval": NOT_TOLD if missing(job["interval_s"]) else span(job["interval_s"]),
        "mail": NOT_TOLD if missing(job["notification"]) else MAIL[bool(job["notification"])],
        "limit": (f"{int(limit):,}" if not missing(limit) else "none: no limit" if heard else NOT_TOLD),
        "scope": NOT_TOLD if missing(job["scope_mode"]) else SCOPE.get(str(job["scope_mode"]), str(job["scope_mode"])),
        "matches": NOT_TOLD if missing(job["mappings"]) else ", ".join(job["matching"]) or "nothing",
        "heard_at": job["heard_at"],
        "read_at": None if missing(job["changed_at"]) else read_at.get(str(job["tenant_id"]), job["changed_at"]),
    }


def last_read(tenants: list[Tenant], contacts: list[Row]) -> dict[str, Any]:
    """Gives when each tenant's configurations were last read in full, by its id."""
    ids = {tenant.name: tenant.tenant_id.lower() for tenant in tenants}
    return {
        ids[row["tenant"]]: row["reached_at"]
        for row in contacts
        if row["feed"] == "configuration" and row["tenant"] in ids and not missing(row["reached_at"])
    }


def page() -> None:
    """Draws the page."""
    settings = read_settings()
    now = present(settings)
    tenants, profiles = tenants_of(settings), profiles_of(settings)
    contacts, permissions = records(ask("contacts")), records(ask("permissions"))
    empty = is_empty()
    if empty:
        teach()
    jobs = [] if empty else [checked(job, profiles) for job in records(ask("connections"))]
    seen = sorted(jobs, key=lambda one: RANK.index(one.word))
    if jobs or tenants or contacts or permissions:
        say(seen, contacts, permissions, bool(tenants), now)
    contacts_part.clocks(contacts)
    if not empty:
        read_at = last_read(tenants, contacts)
        tile("connections", lambda _: table(seen, read_at), empty="No job is known here.")
        if seen:
            configuration_part.draw(chosen(seen))
        tokens.draw(profiles, now)
    if tenants or permissions:
        never = "Never tried: run `python -m pipeline preflight`."
        tile("permissions", contacts_part.permission_table, empty=never)
    if tenants or contacts:
        tile("contacts", lambda rows: contacts_part.contact_table(rows, now), empty="Nothing was asked yet.")


if __name__ == "__main__":
    page()
