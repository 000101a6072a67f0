"""Why a job is in quarantine: requests around the first failure, symptoms, changes before it, and Graph's reason."""

import re
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, is_missing, span
from pipeline.knowledge.quarantine_reasons import Reason
from views.frame.data import Row
from views.frame.empty import nothing
from views.frame.look import labelled, plain
from views.frame.panel import show_sql
from views.frame.table import code_column, table, text_column, time_columns
from views.frame.verdict import claim, current_facts
from views.parts.alerts.incidents import problem_of, symptoms_of
from views.parts.apps.facts import WEEK, Facts
from views.parts.apps.limits import course

MONTH = timedelta(days=30)
BASE = re.compile(r"^.*?/(?=[A-Z])")
"What of a path comes before the resource."
CHANGES = 3
"Changes of the configuration that are listed."
REQUESTS = {
    "last good": "Last success",
    "first failing": "First failure",
    "newest failing": "Latest failure",
    "good again": "Success since",
}
STANDINGS = {
    "documented": ":blue-badge[:material/menu_book: documented]",
    "inferred": ":orange-badge[:material/psychology: inferred]",
    "unverified": ":gray-badge[:material/help: not documented]",
}


def draw_evidence(facts: Facts) -> None:
    """Draws the last successful request and those that failed, to the minute."""
    st.subheader("Evidence", anchor="evidence")
    if not facts.calls:
        st.markdown(
            ":gray[:material/remove: No SCIM requests of the last 60 days: the app's SCIM log is not collected.]"
        )
    else:
        draw_requests(facts)
    show_sql(quarantine_calls={"at": facts.job.at, "job": facts.job.job_id})


def draw_requests(facts: Facts) -> None:
    """Draws the requests around the first failure."""
    rows = pd.DataFrame(list(facts.calls.values())).assign(
        what=[REQUESTS.get(name, name) for name in facts.calls], request=[request(row) for row in facts.calls.values()]
    )
    columns: dict[str, Any] = {
        "what": text_column("Outcome", width=96),
        **time_columns(occurred_at="Time"),
        "http_status": code_column("HTTP", width=48),
        "request": text_column("Request"),
        "detail": text_column("Response"),
    }
    table(rows, columns)
    st.caption(around(facts))
    if not rows["named"].all():
        st.caption("The SCIM log does not name its app; it is attributed to this one, the only app with a SCIM log.")


def request(row: Row) -> str:
    """Writes a request in one line."""
    searched = "" if is_missing(row["filter"]) else f"?filter={row['filter']}"
    return f"{row['method']} {BASE.sub('/', str(row['path']))}{searched}"


def around(facts: Facts) -> str:
    """Writes how many requests failed, how long after the last success they began to, and whether they still do."""
    good, failing, again = (facts.calls.get(name) for name in ("last good", "first failing", "good again"))
    if failing is None:
        return f"No failed requests; last success {instant(good['occurred_at'] if good else None)}."
    before = "no earlier success is known"
    if good is not None:
        gap = span((failing["occurred_at"].floor("min") - good["occurred_at"].floor("min")).total_seconds())
        before = f"the first {gap} after the last success"
    still = f"successful again since {instant(again['occurred_at'])}" if again else "none successful since"
    since = instant(failing["occurred_at"])
    return f"{count(failing['failing'], 'failed request')} since {since}, {before}, {still}."


def draw_symptoms(facts: Facts, incident: Row | None) -> None:
    """Draws what follows from the same cause: what the incident explains, and other signs of trouble."""
    explained = [] if incident is None else symptoms_of(incident)
    # Of an incident they are those that it explains, in its words, as its own panel and every count have them.
    lines = [f"{plain(problem_of(one))}, since {instant(one['opened_at'])}" for one in explained]
    lines = lines or signs(facts)
    st.subheader("Symptoms of the same cause", anchor="symptoms")
    if lines:
        st.markdown("\n".join(f"- {line}" for line in dict.fromkeys(lines)))
    else:
        own = current_facts(facts.job.at).of([facts.job.job_id], shared=False)
        nothing(claim("No other symptoms in the data.", own, "quarantine"))
    show_sql(silence={"at": facts.job.at, "grace": read_settings().grace, "job": facts.job.job_id})


def signs(facts: Facts) -> list[str]:
    """Writes signs of trouble apart from incidents: the forecast, failed cycles, an expired token, silence."""
    path = "" if facts.job.is_out else course(facts.job)
    lines = [f"{facts.job.name} {path}"] if path else []
    failures = facts.job.state["successive_failures"]
    if not is_missing(failures) and failures >= 2:
        lines.append(f"{count(failures, 'consecutive cycle')} failed")
    lines += token(facts)
    silent = facts.silence
    if silent is not None and not is_missing(silent["cause"]) and silent["cause"] != "idle":
        lines.append(
            f"No events since {instant(silent['last_event_at'])}: {plain(str(silent['explanation']))}. Owner: "
            f"{plain(str(silent['receiver']))}"
        )
    return lines


def token(facts: Facts) -> list[str]:
    """Writes that the token has expired, or will within a month, where its date was entered."""
    at, state = facts.job.at, facts.job.state
    ends_at = state["token_ends_at"]
    if is_missing(ends_at) or ends_at > at + MONTH:
        return []
    verb = "expired" if ends_at <= at else "expires"
    apart = span(abs((ends_at - at).total_seconds()))
    how = f", {apart} ago" if ends_at <= at else facts.job.countdown(ends_at)
    return [f"The token {verb} {instant(ends_at)}{how} (entered by {plain(str(state['token_said_by']))})"]


def draw_changes(facts: Facts) -> None:
    """Draws what of the configuration was changed in the week before the trouble began."""
    if facts.began == facts.job.at:
        return
    st.subheader("Recent changes", anchor="changes")
    for row in facts.changes[:CHANGES]:
        between = f"between {instant(row['before_at'])} and {instant(row['seen_at'])}"
        st.markdown(
            f":material/settings: {plain(str(row['setting'])).capitalize()}: from {plain(str(row['before']))} to "
            f"{plain(str(row['after']))}, {between}."
        )
    if not facts.changes and not facts.is_configured:
        st.markdown(":gray[Unknown: the app's configuration is not collected.]")
    elif not facts.changes:
        st.markdown(
            ":gray[No configuration change in the 7 days before. Credentials are never read, so a token change cannot "
            "be seen.]"
        )
    show_sql(quarantine_changes={"job": facts.job.job_id, "since": facts.began - WEEK, "until": facts.began})


def draw_reason(facts: Facts) -> None:
    """Draws Graph's reason, what it means and how sure that is, and the error."""
    lines = reasons(facts)
    for line in lines:
        st.markdown(line)
    if not lines:
        nothing("The job status has no quarantine and no error.")


def reasons(facts: Facts) -> list[str]:
    """Writes what Graph gives as the reason, what that means and how sure that is; and the error."""
    job = facts.job
    lines = []
    if job.word == "quarantined":
        lines.append(reason_text(job.reason))
        lines.append(
            f"Entra disables a job after “more than four weeks” of quarantine, as Microsoft documents; the {job.days} "
            "days counted here are a setting on Alert rules."
        )
    if job.word == "inferred":
        lines.append(
            f"{labelled('inferred')} No job status is loaded, so the reason is unknown. The logs fit a rejected token, "
            "or an app that does not respond. docs/graph.md shows how to collect job status."
        )
    code, text = job.state["error_code"], job.state["error_message"]
    if not is_missing(code) and job.word != "healthy":
        known = job.cause
        if known is not None:
            lines.append(f"**{plain(known.title)}**: {plain(known.meaning)} ({plain(known.source)}.)")
        words = "" if is_missing(text) else f": {plain(str(text))}"
        lines.append(f"Error {plain(str(code))}{words} {actionable(job.state)}")
    return lines


def reason_text(reason: Reason) -> str:
    """Writes a reason, its meaning and what that rests on."""
    return f"**{plain(reason.word)}** {STANDINGS[reason.standing]} {reason.meaning} ({reason.source}.)"


def actionable(state: Row) -> str:
    """Writes whether the tenant can fix it, by Graph."""
    if is_missing(state["tenant_actionable"]):
        return ""
    can = "can" if state["tenant_actionable"] else "cannot"
    return f"According to Entra, an administrator of the tenant {can} fix it."
