"""Connections: how each job is configured, whether that suits its app, and whether everything that is asked answers."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.clock import naive
from pipeline.config.clock import now as clock_now
from pipeline.config.errors import ProfileError, TenantsError
from pipeline.config.settings import Settings, read_settings
from pipeline.config.tenants import Tenant, read_tenants
from pipeline.config.wording import count, is_missing, span
from pipeline.knowledge.app_profiles import Profile, read_profiles
from pipeline.rules.verdict import verdict
from views.frame.data import Row, ask, is_empty, records
from views.frame.empty import first_data
from views.frame.look import chips, plain
from views.frame.panel import panel
from views.frame.state import Key
from views.frame.table import chips_column, table, text_column, time_columns
from views.frame.verdict import current_facts
from views.parts.connections.configuration import NOT_TOLD, STOPPED, Checked, checked, draw_configuration
from views.parts.connections.contacts import ago, contact_table, permission_table, warn_of_clocks
from views.parts.connections.tokens import draw_tokens

RANK = ("unfit", "doubtful", "unread", "fits", "unprofiled")
MAIL = {True: "on", False: "off"}
SCOPE = {"assigned": "assigned only", "all": "everybody"}


def tenants_of(settings: Settings) -> list[Tenant]:
    """Returns the tenants to ask; draws what is wrong with their file, or how to begin where there is none."""
    try:
        tenants = read_tenants(settings)
    except TenantsError as error:
        st.error(plain(str(error)), icon=":material/error:")
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
    """Returns the profiles of target apps; draws what is wrong with a file of theirs."""
    try:
        return read_profiles(settings)
    except ProfileError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return []


def draw_summary(
    checked_jobs: list[Checked], contacts: list[Row], permissions: list[Row], asks: bool, now: datetime
) -> None:
    """Draws in one sentence whether the connections are in order, in the colour of the worst of it."""
    bad = [*faults(checked_jobs), *failing_feeds(contacts), *missing_permissions(permissions)]
    doubts = [*doubtful_jobs(checked_jobs), *doubtful_permissions(permissions, asks)]
    parts = [count(len(checked_jobs), "job"), *bad, *doubts, *last_answer(contacts, asks, now)]
    if not bad and not doubts and any(one.word == "fits" for one in checked_jobs):
        parts.insert(1, "every configuration that has a profile fits it")
    draw, icon = (st.error, "error") if bad else (st.warning, "warning") if doubts else (st.info, "info")
    fits = contacts or any(one.word == "fits" for one in checked_jobs)
    if draw is st.info and fits and verdict(current_facts()).state == "ok":
        draw, icon = st.success, "check_circle"
    draw(f"{'; '.join(parts)}.", icon=f":material/{icon}:")


def faults(checked_jobs: list[Checked]) -> list[str]:
    """Writes what each unfit job has, its first finding in full."""
    sentences = []
    for one in checked_jobs:
        grave = [finding for finding in one.findings if finding.grave]
        if grave:
            more = f" (and {count(len(grave) - 1, 'more thing')})" if len(grave) > 1 else ""
            sentences.append(
                f"**{plain(str(one.job['app_name']))}** is unfit: {plain(grave[0].text.rstrip('.'))}{more}"
            )
    return sentences


def doubtful_jobs(checked_jobs: list[Checked]) -> list[str]:
    """Names jobs to look at, and those that somebody stopped."""
    names = [f"**{plain(str(one.job['app_name']))}**" for one in checked_jobs if one.word == "doubtful"]
    stopped = [
        f"**{plain(str(one.job['app_name']))}** is {STOPPED[str(one.job['schedule_state'])]}"
        for one in checked_jobs
        if str(one.job["schedule_state"]) in STOPPED
    ]
    return [f"{' and '.join(names)} should be looked at"] * bool(names) + stopped


def failing_feeds(contacts: list[Row]) -> list[str]:
    """Writes which feeds do not answer."""
    return [
        f"**{plain(str(row['tenant']))}** does not give its {row['feed']}: "
        f"{count(int(row['failures'] or 0), 'try', 'tries')} in a row failed"
        for row in contacts
        if row["outcome"] == "failed"
    ]


def missing_permissions(permissions: list[Row]) -> list[str]:
    """Writes which permission each tenant lacks, and what for."""
    features: dict[tuple[str, str], list[str]] = {}
    for row in permissions:
        if row["state"] == "missing":
            features.setdefault((str(row["scope"]), str(row["tenant"])), []).append(str(row["feature"]))
    return [
        f"permission **{plain(scope)}** is missing for {plain(tenant)} ({' and '.join(names)})"
        for (scope, tenant), names in features.items()
    ]


def doubtful_permissions(permissions: list[Row], asks: bool) -> list[str]:
    """Writes whose permissions are unknown, and which are too much."""
    unknown = sorted({plain(str(row["tenant"])) for row in permissions if row["state"] == "unknown"})
    spare = [
        f"{plain(str(row['tenant']))} has {row['scope']}, too much" for row in permissions if row["state"] == "excess"
    ]
    never = ["permissions were never tried (`python -m pipeline preflight`)"] if asks and not permissions else []
    return [f"the permissions of {' and '.join(unknown)} could not be tried"] * bool(unknown) + spare + never


def last_answer(contacts: list[Row], asks: bool, now: datetime) -> list[str]:
    """Writes when Graph last answered."""
    reached = [
        row["reached_at"] for row in contacts if row["feed"] != "container" and not is_missing(row["reached_at"])
    ]
    if reached:
        return [f"Graph last answered {ago(max(reached), now)}"]
    return ["Graph has never answered"] if contacts or asks else []


def jobs_table(checked_jobs: list[Checked], read_at: dict[str, Any]) -> Checked:
    """Draws one row per job, the unfit first, and returns the selected job, else the first."""
    rows = pd.DataFrame([job_row(one, read_at) for one in checked_jobs])
    columns = {
        "app_name": text_column("App", pinned=True),
        "fit": chips_column("Against its profile"),
        "schedule": text_column("Schedule"),
        "interval": text_column("Every"),
        "mail": text_column("Mail on failure", help="Whether Entra mails somebody on quarantine"),
        "limit": text_column("Deletion limit", help="Deletions in one cycle that quarantine the job"),
        "scope": text_column("Provisions", help="Everybody, or only who is assigned to the app"),
        "matches": text_column("Matches by", help="The app's attributes that objects are matched by"),
        **time_columns(heard_at="Job last heard", read_at="Configuration read"),
    }
    chosen = table(rows.assign(fit=chips(rows["word"])), columns, Key.CONNECTIONS, select=True)
    st.caption(
        "Select a row for its mappings. “Not told” is neither on nor off: mail and scope stand beside secrets at "
        "Graph, and are asked for only where a tenant has `app_settings = true`; whether Graph tells them to whoever "
        "may only read is not documented. A limit of “none” is what the job's document says; whether Entra applies "
        "one of its own then is not documented either."
    )
    return next((one for one in checked_jobs if chosen and one.job["job_id"] == chosen["job_id"]), checked_jobs[0])


def job_row(one: Checked, read_at: dict[str, Any]) -> Row:
    """Writes one job's configuration; what is unknown is written as such."""
    job = one.job
    has_status = not is_missing(job["heard_at"])
    limit = job["deletion_threshold"]
    return {
        "job_id": job["job_id"],
        "app_name": job["app_name"],
        "word": one.word,
        "schedule": NOT_TOLD if is_missing(job["schedule_state"]) else str(job["schedule_state"]),
        "interval": NOT_TOLD if is_missing(job["interval_s"]) else span(job["interval_s"]),
        "mail": NOT_TOLD if is_missing(job["notification"]) else MAIL[bool(job["notification"])],
        "limit": (f"{int(limit):,}" if not is_missing(limit) else "none: no limit" if has_status else NOT_TOLD),
        "scope": NOT_TOLD
        if is_missing(job["scope_mode"])
        else SCOPE.get(str(job["scope_mode"]), str(job["scope_mode"])),
        "matches": NOT_TOLD if is_missing(job["mappings"]) else ", ".join(job["matching"]) or "nothing",
        "heard_at": job["heard_at"],
        "read_at": None if is_missing(job["changed_at"]) else read_at.get(str(job["tenant_id"]), job["changed_at"]),
    }


def last_read(tenants: list[Tenant], contacts: list[Row]) -> dict[str, Any]:
    """Returns when each tenant's configurations were last read in full, by its id."""
    ids = {tenant.name: tenant.tenant_id.lower() for tenant in tenants}
    return {
        ids[row["tenant"]]: row["reached_at"]
        for row in contacts
        if row["feed"] == "configuration" and row["tenant"] in ids and not is_missing(row["reached_at"])
    }


def draw_tab() -> None:
    """Draws the tab."""
    settings = read_settings()
    now = naive(clock_now(settings))
    tenants, profiles = tenants_of(settings), profiles_of(settings)
    contacts, permissions = records(ask("contacts")), records(ask("permissions"))
    empty = is_empty()
    if empty:
        first_data()
    jobs = [] if empty else [checked(job, profiles) for job in records(ask("connections"))]
    checked_jobs = sorted(jobs, key=lambda one: RANK.index(one.word))
    if jobs or tenants or contacts or permissions:
        draw_summary(checked_jobs, contacts, permissions, bool(tenants), now)
    warn_of_clocks(contacts)
    if not empty:
        read_at = last_read(tenants, contacts)
        chosen = panel("connections", lambda _: jobs_table(checked_jobs, read_at), empty="No job is known here.")
        if chosen is not None:
            draw_configuration(chosen)
        draw_tokens(profiles, now)
    if tenants or permissions:
        never = "Never tried: run `python -m pipeline preflight`."
        panel("permissions", permission_table, empty=never)
    if tenants or contacts:
        panel("contacts", lambda rows: contact_table(rows, now), empty="Nothing was asked yet.")
