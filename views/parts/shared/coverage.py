"""How much of the data behind a number was read: the sentence on pages, and panels that show what is missing."""

import json
from datetime import datetime

import pandas as pd
import streamlit as st

from pipeline.config import wording
from pipeline.config.clock import naive, now
from pipeline.config.errors import TenantsError
from pipeline.config.settings import Settings, read_settings
from pipeline.config.tenants import read_tenants
from pipeline.config.wording import count, instant, is_missing, span
from views.charts.coverage import coverage_strips
from views.frame.chart import chart
from views.frame.data import Row, ask, records
from views.frame.look import plain
from views.frame.panel import panel
from views.frame.state import Key
from views.frame.table import number_column, table, text_column, time_columns

KINDS = {"events": "events", "jobs": "status", "exchanges": "SCIM requests"}
WORST = 3


def draw_completeness() -> None:
    """Draws how much of the window is complete, wherever a rate or a sum is shown; nothing where there is no job."""
    rows = ask("completeness_of_window")
    if rows.empty:
        return
    whole, *jobs = records(rows)
    if whole["complete"] == whole["hours"]:
        st.caption(f":material/rule: Data complete for all {count(whole['hours'], 'hour')} of this window.")
        return
    st.markdown(f":orange[:material/rule:] {completeness_sentence(whole, jobs)}")


def none_in_window(text: str) -> str:
    """Returns a sentence that says none or nothing of the time range, with the hours of which that is unknown.

    Where there is no job, no log was loaded that could show one.
    """
    rows = ask("completeness_of_window")
    if rows.empty:
        return f"{text} No provisioning logs are loaded."
    whole = rows.iloc[0]
    if not whole["unknown"]:
        return text
    return f"{text} Unknown for {whole['unknown']:,} of {count(whole['hours'], 'hour')}: no provisioning logs."


def unknown_hours() -> int:
    """Returns how many hours of the time range no provisioning log of some job covers."""
    rows = ask("completeness_of_window")
    return 0 if rows.empty else int(rows.iloc[0]["unknown"])


def completeness_sentence(whole: Row, jobs: list[Row]) -> str:
    """Writes how many hours are complete, partial and unknown, and of which jobs most are not.

    >>> completeness_sentence({"hours": 24, "complete": 20, "partial": 1, "unknown": 3}, [])
    'Data complete for 20 of 24 hours of this window, partial for 1, unknown for 3: numbers may be too low.'
    """
    sentence = (
        f"Data complete for {whole['complete']:,} of {count(whole['hours'], 'hour')} of this window, "
        f"partial for {whole['partial']:,}, unknown for {whole['unknown']:,}: numbers may be too low."
    )
    if len(jobs) < 2:
        return sentence
    worst = sorted(jobs, key=lambda job: (job["complete"], str(job["app_name"])))
    lacking = [
        f"**{plain(str(job['app_name']))}** {missing_hours(job)}" for job in worst if job["complete"] < job["hours"]
    ]
    rest = f" and {count(len(lacking) - WORST, 'more job')}" if len(lacking) > WORST else ""
    return f"{sentence} Not complete: {', '.join(lacking[:WORST])}{rest}."


def missing_hours(job: Row) -> str:
    """Writes what is not complete of one job."""
    parts = [f"{job[state]:,} h {state}" for state in ("unknown", "partial") if job[state]]
    return f"({', '.join(parts)})"


def complete_hours(job: Row) -> str | None:
    """Writes how many of the window's hours are complete, for a cell of a table that has them as window_hours."""
    return None if is_missing(job["window_hours"]) else f"{job['complete']:.0f} of {job['window_hours']:.0f}"


def worst_states(hours: pd.DataFrame) -> pd.DataFrame:
    """Returns hours with their state, from buckets of an hour each."""
    worst = hours[["unknown", "partial", "complete"]].idxmax(axis="columns")
    return pd.DataFrame({"hour": hours["bucket"], "state": worst})


def bucket_sentence(buckets: pd.DataFrame, hours: int) -> str:
    """Writes which buckets are not complete: `3 of 24 hours unknown` for each of the first ones."""
    lacking = records(buckets[buckets["partial"] + buckets["unknown"] > 0])
    if not lacking:
        return ""
    noun = "hour" if hours == 1 else "day"
    head = f"{len(lacking):,} of {count(len(buckets), noun)} {'is' if len(lacking) == 1 else 'are'} not known entirely"
    if hours == 1:
        return f"{head}; their numbers may be too low."
    first = [bucket_words(one) for one in lacking[: WORST + 1]]
    more = f", and {len(lacking) - len(first)} more" if len(lacking) > len(first) else ""
    return f"{head}; their numbers may be too low: {'; '.join(first)}{more}."


def bucket_words(bucket: Row) -> str:
    """Writes what is missing of one day."""
    parts = [f"{bucket[state]} {state}" for state in ("unknown", "partial") if bucket[state]]
    return f"{wording.day(bucket['bucket'])} {' and '.join(parts)} of {count(bucket['hours'], 'hour')}"


def draw_coverage() -> None:
    """Draws what Entra is about to forget, how much of each hour was read, and every gap."""
    settings = read_settings()
    try:
        tenants = polled_tenants(settings)
    except TenantsError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        tenants = None
    panel(
        "retention_cliff",
        retention_table,
        empty="No gap of the provisioning logs that were read is one that Entra can still fill.",
        now=present_minute(settings),
        retention_days=settings.retention_days,
        settle_s=settings.overlap,
        tenants=tenants,
    )
    panel("completeness", draw_strips, empty="No job is known yet.")
    panel(
        "gaps",
        gaps_table,
        empty="No gaps in this time range." if not ask("completeness_of_window").empty else "No job is known yet.",
    )


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
        state=rows["state"].map({"leaving": "Entra still has it", "gone": "Gone from Entra"}),
    )
    columns = {
        "who": text_column("Tenant", pinned=True),
        "state": text_column("State"),
        "left": text_column("Leaves Entra's store"),
        **time_columns(began_at="Gap begins", ended_at="Gap ends"),
        "hours": number_column("Hours not complete"),
        "apps": text_column("Apps"),
    }
    table(shown, columns)
    st.caption(
        "How long Entra keeps events is a setting, PROVISIONING_RETENTION_DAYS or a tenant's retention_days: 30 days, "
        "7 without premium. Unverified: Microsoft's own table of retentions has no row for provisioning logs."
    )


def tenant_name(gap: Row) -> str:
    """Names a gap's tenant, by its id where the file of tenants does not name it."""
    return next((str(gap[name]) for name in ("tenant", "tenant_id") if not is_missing(gap[name])), "a tenant not named")


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
        f"not complete that Entra still holds. The oldest, {instant(first['began_at'])}{apps}, leaves Microsoft's "
        f"{first['retention_days']}-day store {countdown(first)}. {remedy(first)}"
    )


def remedy(gap: Row) -> str:
    """Writes what fills a gap that Entra still holds."""
    if gap["polled"]:
        fails = " Asking fails at present: Connections says why." if gap["outcome"] == "failed" else ""
        return f"The next `python -m pipeline poll` fills it.{fails}"
    if not is_missing(gap["tenant"]):
        return "Nobody has asked Graph for it yet: run `python -m pipeline poll`."
    return (
        "Nobody asks Graph for this tenant: name it in the file of PROVISIONING_TENANTS and run "
        "`python -m pipeline poll`, or load an export of these hours."
    )


def expired_sentence(gap: Row) -> str:
    """Writes what is too old for Entra."""
    return (
        f":gray[:material/hourglass_disabled:] **{plain(tenant_name(gap))}**: "
        f"{count(gap['hours'], 'hour is', 'hours are')} not complete and older than "
        f"{count(gap['retention_days'], 'day')}, the first {instant(gap['began_at'])}. Entra has forgotten them; a "
        "diagnostic setting's storage or workspace may still have them: load an export of it."
    )


def draw_strips(rows: pd.DataFrame) -> None:
    """Draws a strip of hours for each job and kind of record."""
    names = rows["app_name"].fillna(rows["tenant_id"]).fillna("no tenant named")
    rows = rows.assign(label=names.str.slice(0, 28) + " · " + rows["kind"].map(KINDS))
    chart(Key.COVERAGE, coverage_strips, rows)
    st.caption(
        "A file speaks for the jobs in it, from its first record to its last; a poll, a container or an hour's blob "
        "for every job of the tenant. A job's status is known in the hours in which it was observed."
    )


def gaps_table(rows: pd.DataFrame) -> None:
    """Draws every gap of the window, the widest first."""
    columns = {
        "app_name": text_column("App", pinned=True),
        **time_columns(began_at="From", ended_at="Until"),
        "unknown": number_column("Hours unknown"),
        "partial": number_column("Hours partial"),
    }
    table(rows, columns, height=260)
