"""Configuration: how each app's job is set up, whether that matches the app's profile, tokens, and connections."""

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
from views.frame.data import Row, ask, records
from views.frame.filters import bar
from views.frame.look import chips, plain, plain_name
from views.frame.panel import panel
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, write_word
from views.frame.table import chips_column, table, text_column, time_columns
from views.frame.verdict import current_facts
from views.parts.configuration.configuration import NOT_TOLD, STOPPED, Checked, checked, draw_configuration
from views.parts.configuration.contacts import ago, contact_table, permission_table, warn_of_clocks
from views.parts.configuration.tokens import draw_tokens, rejecting_apps
from views.parts.shared.profiles import mappings_by_job

RANK = ("unfit", "doubtful", "unread", "fits", "unprofiled")
MAIL = {True: "On", False: "Off"}
SHOWN = 6
"Problems that the summary names."
SCOPE = {"assigned": "Assigned only", "all": "All users"}


def tenants_of(settings: Settings) -> list[Tenant]:
    """Returns the tenants to ask; draws what is wrong with their file, or how to begin where there is none."""
    try:
        tenants = read_tenants(settings)
    except TenantsError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return []
    if not tenants:
        st.caption(
            ":material/link_off: Microsoft Graph is not connected. To collect job status and attribute mappings, write "
            "a file of tenants and set PROVISIONING_TENANTS to its path: see docs/graph.md and "
            "`python -m pipeline preflight`."
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
    rejecting = rejecting_apps(now) if checked_jobs else []
    bad = [*rejecting, *faults(checked_jobs), *failing_feeds(contacts), *missing_permissions(permissions)]
    doubts = [*doubtful_jobs(checked_jobs), *doubtful_permissions(permissions, asks)]
    found = [*bad, *doubts]
    more = [f"{len(found) - SHOWN:,} more, see the table"] if len(found) > SHOWN else []
    apps = [count(len(checked_jobs), "app")] if bar().job is None or not found else []
    parts = [*apps, *found[:SHOWN], *more, *last_answer(contacts, asks, now)]
    if not bad and not doubts and any(one.word == "fits" for one in checked_jobs):
        parts.insert(1, "every configuration that has a profile matches it")
    if not found and all(one.word in ("unread", "unprofiled") for one in checked_jobs):
        parts.insert(1, "no configuration to check: no profile of the app, or attribute mappings not read")
    draw, icon = (st.error, "error") if bad else (st.warning, "warning") if doubts else (st.info, "info")
    fits = contacts or any(one.word == "fits" for one in checked_jobs)
    if draw is st.info and fits and verdict(current_facts()).state == "ok":
        draw, icon = st.success, "check_circle"
    draw(f"{'; '.join(parts)}.", icon=f":material/{icon}:")


def faults(checked_jobs: list[Checked]) -> list[str]:
    """Writes the problem of each job that has one, its first finding in full."""
    sentences = []
    for one in checked_jobs:
        grave = [finding for finding in one.findings if finding.grave]
        if grave:
            more = f" (and {len(grave) - 1} more)" if len(grave) > 1 else ""
            sentences.append(
                f"**{plain_name(one.job['app_name'])}** has a problem: {plain(grave[0].text.rstrip('.'))}{more}"
            )
    return sentences


def doubtful_jobs(checked_jobs: list[Checked]) -> list[str]:
    """Names jobs to review, and those that are stopped."""
    names = [f"**{plain_name(one.job['app_name'])}**" for one in checked_jobs if one.word == "doubtful"]
    stopped = [
        f"**{plain_name(one.job['app_name'])}** is {STOPPED[str(one.job['schedule_state'])]}"
        for one in checked_jobs
        if str(one.job["schedule_state"]) in STOPPED
    ]
    return [f"review {' and '.join(names)}"] * bool(names) + stopped


def failing_feeds(contacts: list[Row]) -> list[str]:
    """Writes which feeds do not answer."""
    return [
        f"collecting {row['feed']} from **{plain(str(row['tenant']))}** is failing "
        f"({count(int(row['failures'] or 0), 'failed attempt')} in a row)"
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
        f"{plain(str(row['tenant']))} has {row['scope']}, which is not needed"
        for row in permissions
        if row["state"] == "excess"
    ]
    never = ["permissions not checked yet (`python -m pipeline preflight`)"] if asks and not permissions else []
    return [f"the permissions of {' and '.join(unknown)} could not be checked"] * bool(unknown) + spare + never


def last_answer(contacts: list[Row], asks: bool, now: datetime) -> list[str]:
    """Writes when Graph last answered."""
    reached = [
        row["reached_at"] for row in contacts if row["feed"] != "container" and not is_missing(row["reached_at"])
    ]
    if reached:
        return [f"Microsoft Graph last answered {ago(max(reached), now)}"]
    return ["Microsoft Graph has never answered"] if contacts or asks else []


def jobs_table(checked_jobs: list[Checked], read_at: dict[str, Any]) -> None:
    """Draws one row per job, those with a problem first; each opens its mappings and settings."""
    rows = pd.DataFrame([job_row(one, read_at) for one in checked_jobs])
    columns = {
        "app_name": text_column("App"),
        "fit": chips_column("Profile check"),
        "schedule": text_column("Schedule", width="small"),
        "interval": text_column("Interval", width="small"),
        "mail": text_column("E-mail on failure", width="small", help="Whether Entra sends e-mail on quarantine"),
        "limit": text_column("Deletion limit", help="Deletions in one cycle that put the job into quarantine"),
        "scope": text_column("Scope", help="All users, or only those assigned to the app"),
        "matches": text_column("Matching attributes", help="App attributes that users and groups are matched by"),
        **time_columns(read_at="Configuration read"),
    }
    table(
        rows.assign(fit=chips(rows["word"])),
        columns,
        Key.CONNECTIONS,
        at_most=380,
        opens="app_name",
        on_open=lambda row: write_word(Word.CONFIGURATION, str(row["job_id"])),
    )
    if NOT_TOLD in set(rows[["mail", "scope"]].to_numpy().ravel()):
        st.caption(
            "Unknown: not collected. To collect e-mail and scope settings, set app_settings = true for the tenant; "
            "Graph returns them beside secrets, so they are not read otherwise."
        )


def configuration_panel(checked_jobs: list[Checked]) -> None:
    """Opens the job that the address names: mappings, what its settings mean, and its app's profile."""

    def draw(job: str) -> None:
        own = [one for one in checked_jobs if str(one.job["job_id"]) == job]
        if own:
            draw_configuration(own[0])
        else:
            st.info("No app with this job is known here.", icon=":material/help:")

    side_panel(Word.CONFIGURATION, "App configuration", draw, wide=True)


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
        "limit": (f"{int(limit):,}" if not is_missing(limit) else "No limit" if has_status else NOT_TOLD),
        "scope": NOT_TOLD
        if is_missing(job["scope_mode"])
        else SCOPE.get(str(job["scope_mode"]), str(job["scope_mode"])),
        "matches": NOT_TOLD if is_missing(job["mappings"]) else ", ".join(job["matching"]) or "None",
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
    mappings = mappings_by_job()
    jobs = [checked(job, profiles, mappings.get(str(job["job_id"]), [])) for job in records(ask("connections"))]
    checked_jobs = sorted(jobs, key=lambda one: RANK.index(one.word))
    if jobs or tenants or contacts or permissions:
        draw_summary(checked_jobs, contacts, permissions, bool(tenants), now)
    warn_of_clocks(contacts)
    read_at = last_read(tenants, contacts)
    panel("connections", lambda _: jobs_table(checked_jobs, read_at), empty="No app is known here.")
    if len(checked_jobs) == 1:
        name = plain_name(checked_jobs[0].job["app_name"])
        with st.expander(f"Attribute mappings and settings of {name}"):
            draw_configuration(checked_jobs[0])
    draw_tokens(profiles, now)
    if tenants or permissions:
        never = "Not checked yet: run `python -m pipeline preflight`."
        missing = sum(row["state"] == "missing" for row in permissions)
        label = f"Collector permissions: {missing:,} missing" if missing else "Collector permissions"
        with st.expander(label, expanded=bool(missing)):
            panel("permissions", permission_table, empty=never, title="")
    if tenants or contacts:
        failing = sum(row["outcome"] == "failed" for row in contacts)
        label = f"Data source connections: {failing:,} failing" if failing else "Data source connections"
        with st.expander(label, expanded=bool(failing)):
            panel("contacts", lambda rows: contact_table(rows, now), empty="No contact yet.", title="")
    if len(checked_jobs) != 1:
        configuration_panel(checked_jobs)
