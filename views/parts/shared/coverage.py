"""How much of the data behind a number was read: the sentence on pages, and panels that show what is missing."""

import json
from datetime import datetime

import pandas as pd
import streamlit as st

from pipeline.config.clock import naive, now
from pipeline.config.errors import TenantsError
from pipeline.config.settings import Settings, read_settings
from pipeline.config.tenants import read_tenants
from pipeline.config.wording import count, instant, is_missing, share, span
from views.charts.coverage import coverage_strips
from views.frame.chart import chart
from views.frame.data import Row, ask, records
from views.frame.filters import HOUR
from views.frame.look import plain, plain_name
from views.frame.panel import panel, show_sql
from views.frame.state import Key
from views.frame.table import number_column, table, text_column, time_columns

KINDS = {"events": "provisioning logs", "jobs": "job status", "exchanges": "SCIM log"}
WORST = 3
STRIPS = 15
"Strips of the coverage chart: five apps with each kind of record."
STRIP_NAME = 28
"Characters of a name in the label of a strip."


def draw_completeness() -> None:
    """Draws how much of the time range is missing, wherever a rate or a sum is shown; nothing where all is there."""
    rows = ask("completeness_of_window")
    if rows.empty:
        return
    whole, *jobs = records(rows)
    if whole["complete"] < whole["hours"]:
        st.caption(f":material/rule: {completeness_sentence(whole, jobs)}")


def none_in_window(text: str) -> str:
    """Returns a sentence that says none or nothing of the time range, with the hours of which that is unknown.

    Where no log covers any hour, it is unknown as a whole.
    """
    rows = ask("completeness_of_window")
    if rows.empty:
        return "Unknown: no provisioning logs are loaded."
    whole = rows.iloc[0]
    if not whole["unknown"]:
        return text
    if whole["unknown"] == whole["hours"] and not has_logs():
        return "Unknown: no provisioning logs cover this time range."
    return f"{text} Unknown for {whole['unknown']:,} of {count(whole['hours'], 'hour')}: no provisioning logs."


def has_logs() -> bool:
    """Whether provisioning logs of any job cover any hour of the time range, at least in part."""
    rows = ask("completeness_of_window")
    return bool((rows["complete"] + rows["partial"]).sum())


def unknown_hours() -> int:
    """Returns how many hours of the time range no provisioning log of some job covers."""
    rows = ask("completeness_of_window")
    return 0 if rows.empty else int(rows.iloc[0]["unknown"])


def completeness_sentence(whole: Row, jobs: list[Row]) -> str:
    """Writes how much of the time range is missing, and of which apps most.

    >>> completeness_sentence({"hours": 24, "complete": 18}, [])
    'Some data is missing: 25% of this time range is not covered. Counts may be low.'
    """
    missing = share((whole["hours"] - whole["complete"]) / whole["hours"])
    worst = sorted(jobs, key=lambda job: (job["complete"], str(job["app_name"])))
    lacking = [
        f"**{plain_name(job['app_name'])}** {job['hours'] - job['complete']:,} h"
        for job in worst
        if job["complete"] < job["hours"]
    ]
    rest = f" and {count(len(lacking) - WORST, 'more app')}" if len(lacking) > WORST else ""
    apps = f" ({', '.join(lacking[:WORST])}{rest})" if len(jobs) > 1 else ""
    return f"Some data is missing: {missing} of this time range is not covered{apps}. Counts may be low."


def worst_states(hours: pd.DataFrame) -> pd.DataFrame:
    """Returns hours with their state, from buckets of an hour each."""
    worst = hours[["unknown", "partial", "complete"]].idxmax(axis="columns")
    return pd.DataFrame({"hour": hours["bucket"], "state": worst})


def bucket_sentence(buckets: pd.DataFrame, hours: int) -> str:
    """Writes of how many buckets some data is missing; empty where none is."""
    lacking = int((buckets["partial"] + buckets["unknown"] > 0).sum())
    if not lacking:
        return ""
    noun = "hour" if hours == 1 else "day"
    return f"Some data is missing for {lacking:,} of {count(len(buckets), noun)}; counts may be low."


def draw_coverage() -> None:
    """Draws, closed, the gaps that Entra can still fill; then how much of each hour is covered, and every gap."""
    retention, values = retention_gaps()
    missing = ask("gaps")
    show_sql(retention_cliff=values)
    if not retention.empty:
        hours = int(retention.loc[retention["state"] == "leaving", "hours"].sum())
        label = f"{count(hours, 'missing hour')} can still be collected from Entra" if hours else "Missing data"
        with st.expander(label):
            retention_table(retention)
    panel("completeness", draw_strips, empty="No app is known yet.", title="Data coverage")
    show_sql(gaps={})
    if not missing.empty:
        with st.expander(f"Gaps in this time range: {len(missing):,}"):
            gaps_table(missing)


def coverage_checks() -> list[str]:
    """Writes which gaps were looked for and not found."""
    found = ["gaps that Entra can still fill"] if retention_gaps()[0].empty else []
    known = not ask("completeness_of_window").empty
    return [*found, *(["gaps in this time range"] if known and ask("gaps").empty else [])]


def retention_gaps() -> tuple[pd.DataFrame, dict[str, object]]:
    """Returns what is missing and when Entra deletes it, with the values that the question was asked with."""
    settings = read_settings()
    try:
        tenants = polled_tenants(settings)
    except TenantsError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        tenants = None
    values: dict[str, object] = {
        "now": present_minute(settings),
        "retention_days": settings.retention_days,
        "settle_s": settings.overlap,
        "tenants": tenants,
    }
    return ask("retention_cliff", **values), values


def present_minute(settings: Settings) -> datetime:
    """Returns the present minute, so that an answer may be used again."""
    return naive(now(settings)).replace(second=0, microsecond=0)


def polled_tenants(settings: Settings) -> str:
    """Returns the tenants that are asked for events, as retention_cliff takes them."""
    tenants = [
        {"tenant_id": one.tenant_id, "name": one.name, "retention_days": one.retention_days}
        for one in read_tenants(settings)
    ]
    return json.dumps(tenants)


def retention_table(rows: pd.DataFrame) -> None:
    """Draws for each tenant what leaves Entra's store next, then draws every gap with its countdown."""
    for tenant in rows["tenant_id"].unique():
        own = rows[rows["tenant_id"] == tenant] if not is_missing(tenant) else rows[rows["tenant_id"].isna()]
        for state in ("leaving", "gone"):
            if gaps := records(own[own["state"] == state]):
                st.markdown(leaving_sentence(gaps) if state == "leaving" else expired_sentence(gaps[0]))
    shown = rows.assign(
        who=[tenant_name(row) for row in records(rows)],
        left=[countdown(row) for row in records(rows)],
        state=rows["state"].map({"leaving": "Still in Entra", "gone": "Deleted from Entra"}),
    )
    columns = {
        **({"who": text_column("Tenant")} if shown["who"].nunique() > 1 else {}),
        "state": text_column("State"),
        "left": text_column("Deleted from Entra"),
        **time_columns(began_at="Gap begins", ended_at="Gap ends"),
        "hours": number_column("Hours missing"),
        "apps": text_column("Apps"),
    }
    table(shown, columns)
    st.caption(
        "How long Entra keeps provisioning logs is a setting, PROVISIONING_RETENTION_DAYS or a tenant's "
        "retention_days: 30 days, 7 without premium. Microsoft's table of retention periods has no row for them."
    )


def tenant_name(gap: Row) -> str:
    """Names a gap's tenant, by its id where the file of tenants does not name it."""
    return next((str(gap[name]) for name in ("tenant", "tenant_id") if not is_missing(gap[name])), "Unnamed tenant")


def countdown(gap: Row) -> str:
    """Writes when the oldest hour of a gap leaves Entra's store.

    >>> countdown({"leaves_in_s": 61_200, "state": "leaving", "leaves_at": None})
    'in 17 h'
    """
    if gap["state"] == "gone":
        return f"since {instant(gap['leaves_at'])}"
    return "now, hour by hour" if gap["leaves_in_s"] < 3600 else f"in {span(gap['leaves_in_s'])}"


def leaving_sentence(gaps: list[Row]) -> str:
    """Writes what Entra still holds of a tenant's gaps, when the first of it leaves, and what fills it."""
    first, hours = gaps[0], sum(int(gap["hours"]) for gap in gaps)
    apps = "" if is_missing(first["apps"]) or not first["apps"] else f" ({plain(str(first['apps']))})"
    return (
        f":orange[:material/hourglass_bottom:] **{plain(tenant_name(first))}**: {count(hours, 'hour is', 'hours are')} "
        f"missing here and still in Entra. Entra deletes the oldest, {instant(first['began_at'])}{apps}, "
        f"{countdown(first)} (it keeps {count(first['retention_days'], 'day')}). {remedy(first)}"
    )


def remedy(gap: Row) -> str:
    """Writes what fills a gap that Entra still holds."""
    if gap["polled"]:
        fails = " Collection is failing now; see Data source connections." if gap["outcome"] == "failed" else ""
        return f"The next `python -m pipeline poll` collects them.{fails}"
    if not is_missing(gap["tenant"]):
        return "Run `python -m pipeline poll` to collect them from Microsoft Graph."
    return (
        "This tenant is not connected: add it to the file that PROVISIONING_TENANTS names and run "
        "`python -m pipeline poll`, or load an export of these hours."
    )


def expired_sentence(gap: Row) -> str:
    """Writes what is too old for Entra."""
    return (
        f":gray[:material/hourglass_disabled:] **{plain(tenant_name(gap))}**: "
        f"{count(gap['hours'], 'hour is', 'hours are')} missing and older than {count(gap['retention_days'], 'day')}, "
        f"from {instant(gap['began_at'])} on. Entra has deleted them; the storage account or workspace of a diagnostic "
        "setting may still have them: load an export of it."
    )


def labelled_strips(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns hours with the label and the number of the strip that each belongs to."""
    rows = merged_logs(rows)
    names = rows["app_name"].fillna(rows["tenant_id"].map(tenants_of(rows))).fillna("Tenant not named")
    labels = names.map(strip_name) + " · " + rows["kind"].map(KINDS)
    return rows.assign(label=labels.mask(names == "", "SCIM logs"), at=strips_of(rows))


def draw_strips(rows: pd.DataFrame) -> None:
    """Draws a strip of hours for each job and kind of record."""
    rows = labelled_strips(rows)
    least = rows.assign(full=rows["state"] == "complete").groupby("at")["full"].mean().sort_values(kind="stable")
    shown = rows[rows["at"].isin(least.index[:STRIPS])]
    chart(Key.COVERAGE, coverage_strips, shown.drop(columns="at"), zooms=HOUR)
    if len(least) > STRIPS:
        st.caption(f"The {STRIPS} with the least coverage of {len(least):,}. Choose an app above to see its own.")
    st.caption(
        "Coverage by kind of source",
        help="A file covers the apps in it, from its first record to its last. A poll, a storage container or an "
        "hourly blob covers every app of the tenant. Job status is known for the hours in which it was read. SCIM logs "
        "cover an hour where the log of at least one app does; the tab SCIM traffic of an app is about its own.",
    )


def strip_name(name: str) -> str:
    """Shortens a name for the label of a strip.

    >>> strip_name("Cerby"), strip_name("A" * 40)
    ('Cerby', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA…')
    """
    return name if len(name) <= STRIP_NAME else f"{name[: STRIP_NAME - 1]}…"


def merged_logs(rows: pd.DataFrame) -> pd.DataFrame:
    """Makes one strip of the SCIM logs where there is one tenant: what a log names, its path or its lines, differs."""
    tenants = rows["tenant_id"].dropna().unique()
    is_log = rows["kind"] == "exchanges"
    if len(tenants) > 1 or not is_log.any():
        return rows
    # In the order of the alphabet complete comes before partial, and both before unknown.
    logs = rows[is_log].groupby("hour", as_index=False).agg(state=("state", "min"))
    one = {"kind": "exchanges", "tenant_id": tenants[0] if len(tenants) else "", "job_id": None, "app_name": None}
    return pd.concat([rows[~is_log], logs.assign(**one)], ignore_index=True)


def tenants_of(rows: pd.DataFrame) -> dict[object, str]:
    """Returns what the strip of a tenant's SCIM logs is called: by its id where there are several tenants."""
    tenants = rows["tenant_id"].dropna().unique()
    return {one: "" if len(tenants) == 1 else f"Tenant {str(one)[:8]}…" for one in tenants}


def strips_of(rows: pd.DataFrame) -> "pd.Series[int]":
    """Returns the number of the strip that each hour belongs to: one for each job and kind of record."""
    return rows.groupby(["kind", "tenant_id", "job_id"], dropna=False, sort=False).ngroup()


def gaps_table(rows: pd.DataFrame) -> None:
    """Draws every gap of the window, the widest first."""
    columns = {
        "app_name": text_column("App"),
        **time_columns(began_at="From", ended_at="Until"),
        "unknown": number_column("Hours without data"),
        "partial": number_column("Hours partly covered"),
    }
    table(rows, columns, height=260)
