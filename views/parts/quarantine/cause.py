"""Why a job is in quarantine: Graph's reason, the calls around the trouble, what was changed before it, who waits."""

from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, is_missing, span
from pipeline.knowledge.quarantine_reasons import Reason
from views.frame.data import Row
from views.frame.empty import nothing
from views.frame.events import story_link
from views.frame.look import chips, labelled, plain
from views.frame.panel import show_sql
from views.frame.state import Key
from views.frame.table import chips_column, code_column, table, text_column, time_columns
from views.frame.verdict import claim, current_facts
from views.parts.quarantine.facts import MOST, WEEK, Facts, open_incidents_of
from views.parts.quarantine.limits import course
from views.parts.shared.retries import evidence

MONTH = timedelta(days=30)
STANDINGS = {
    "documented": ":blue[:material/menu_book: documented]",
    "inferred": ":orange[:material/psychology: our inference]",
    "unverified": ":gray[:material/help: not documented]",
}


def draw_cause(facts: Facts) -> None:
    """Draws the cause."""
    job = facts.job
    st.subheader("Why?" if job.is_out else "Does anything point to quarantine?", anchor="cause")
    lines = [*reasons(facts), *signs(facts)]
    for line in lines:
        st.markdown(line)
    if not lines:
        facts_of_job = current_facts(job.at).of([job.job_id], shared=False)
        nothing(claim("No sign of quarantine in the data.", facts_of_job, "quarantine"))
    draw_calls(facts)
    draw_changes(facts)
    show_sql(
        quarantine_changes={"job": job.job_id, "since": facts.began - WEEK, "until": facts.began},
        quarantine_calls={"at": job.at, "job": job.job_id},
        silence={"at": job.at, "grace": read_settings().grace, "job": job.job_id},
    )


def reasons(facts: Facts) -> list[str]:
    """Writes what Graph gives as the reason, what that means and how sure that is; and the error."""
    job = facts.job
    lines = []
    if job.word == "quarantined":
        lines.append(reason_text(job.reason))
    if job.word == "inferred":
        lines.append(
            f"{labelled('inferred')} No status was ever read, so Graph's reason is not known; what is seen fits "
            "credentials, or an app that does not answer. Collect job status to know: docs/graph.md shows how."
        )
    code, text = job.state["error_code"], job.state["error_message"]
    if not is_missing(code) and job.word != "healthy":
        known = job.cause
        if known is not None:
            lines.append(f"**{plain(known.title)}**: {plain(known.meaning)} ({plain(known.source)}.)")
        words = "" if is_missing(text) else f": {plain(str(text))}"
        lines.append(f"Error **{plain(str(code))}**{words} {actionable(job.state)}")
    return lines


def reason_text(reason: Reason) -> str:
    """Writes a reason, its meaning and what that rests on."""
    return f"**{plain(reason.word)}** {STANDINGS[reason.standing]}: {reason.meaning} ({reason.source}.)"


def actionable(state: Row) -> str:
    """Writes whether the tenant can fix it, by Graph."""
    if is_missing(state["tenant_actionable"]):
        return ""
    return (
        "Graph says the tenant can mend it." if state["tenant_actionable"] else "Graph says the tenant cannot mend it."
    )


def signs(facts: Facts) -> list[str]:
    """Writes the signs of trouble apart from Graph's reason: the forecast, incidents, complete failures, silence."""
    path = "" if facts.job.is_out else course(facts.job)
    lines = [f":orange[:material/trending_up:] It {path}."] if path else []
    lines += [
        f":orange[:material/monitor_heart:] {plain(str(row['summary']))} (since {instant(row['opened_at'])})."
        for row in open_incidents_of([facts.job])
        if row["rule"] in ("escrow_growth", "mass_leavers")
    ]
    failures = facts.job.state["successive_failures"]
    if not is_missing(failures) and failures >= 2:
        lines.append(
            f":orange[:material/warning:] {count(failures, 'run')} in a row failed as a whole, by Graph's count: the "
            "path that ends in quarantine whatever the number of objects."
        )
    lines += token(facts)
    silent = facts.silence
    if silent is not None and not is_missing(silent["cause"]) and silent["cause"] != "idle":
        lines.append(
            f":orange[:material/volume_off:] Nothing comes since {instant(silent['last_event_at'])}: "
            f"{plain(str(silent['explanation']))}. Who can mend it: {plain(str(silent['receiver']))}."
        )
    return lines


def token(facts: Facts) -> list[str]:
    """Writes that the token has ended, or will within a month, where its date was entered."""
    at, state = facts.job.at, facts.job.state
    ends_at = state["token_ends_at"]
    if is_missing(ends_at) or ends_at > at + MONTH:
        return []
    verb = "ended" if ends_at <= at else "ends"
    apart = span(abs((ends_at - at).total_seconds()))
    how = f", {apart} ago" if ends_at <= at else facts.job.countdown(ends_at)
    who = plain(str(state["token_said_by"]))
    return [f":orange[:material/key:] Its token {verb} {instant(ends_at)}{how}, as {who} said."]


def draw_calls(facts: Facts) -> None:
    """Draws the last good call and the first that failed, to the minute."""
    calls = facts.calls
    if not calls:
        st.markdown(
            ":gray[:material/remove: No call of the last 60 days to this app was read: its own log is not collected, "
            "so the first failing call cannot be shown.]"
        )
        return
    st.markdown(around(facts))
    rows = pd.DataFrame(list(calls.values())).assign(what=[name.capitalize() for name in calls])
    columns: dict[str, Any] = {
        "what": text_column("Which"),
        **time_columns(occurred_at="When"),
        "http_status": code_column("HTTP"),
        "method": text_column("Method"),
        "path": text_column("Path"),
        "filter": text_column("Searched for"),
        "detail": text_column("The app says", width="large"),
    }
    table(rows, columns)
    if not rows["named"].all():
        st.caption(
            "The log of these calls does not name its app; it is taken for this one's, since no other app has a log."
        )


def around(facts: Facts) -> str:
    """Writes when calls began to fail, how long after the last good one, and whether they still do."""
    good, failing, again = (facts.calls.get(name) for name in ("last good", "first failing", "good again"))
    if failing is None:
        return f"No call failed; the last good one was {instant(good['occurred_at'] if good else None)}."
    before = "no good call before it is known"
    if good is not None:
        gap = span((failing["occurred_at"].floor("min") - good["occurred_at"].floor("min")).total_seconds())
        before = f"the last good one was {instant(good['occurred_at'])}, {gap} earlier"
    still = f"answered well again since {instant(again['occurred_at'])}" if again else "none was answered well since"
    return (
        f"The first call that failed was **{instant(failing['occurred_at'])}** with HTTP "
        f"{int(failing['http_status'])}; {before}. {count(failing['failing'], 'call')} failed so; {still}."
    )


def draw_changes(facts: Facts) -> None:
    """Draws what of the configuration was changed in the week before the trouble began."""
    if facts.began == facts.job.at:
        return
    if facts.changes:
        for row in facts.changes[:5]:
            between = f"between {instant(row['before_at'])} and {instant(row['seen_at'])}"
            st.markdown(
                f":orange[:material/settings:] Changed before it, {between}: {plain(str(row['setting']))}, from "
                f"{plain(str(row['before']))} to {plain(str(row['after']))}."
            )
    elif not facts.is_configured:
        st.markdown(
            ":gray[:material/settings: Neither its configuration nor a status was ever read, so whether something was "
            "changed before it is not known.]"
        )
    else:
        st.markdown(
            ":gray[:material/settings: In the week before it no change of its configuration was seen. Credentials are "
            "never read, so a change of them cannot be seen.]"
        )


def draw_waiting(facts: Facts) -> None:
    """Draws who waits, leavers first; a row opens the person's story."""
    st.subheader("Who waits, leavers first?", anchor="waiting")
    rows = facts.waiting
    if rows.empty:
        facts_of_job = current_facts(facts.job.at).of([facts.job.job_id], shared=False)
        nothing(claim("No pending retries in the log.", facts_of_job, "leavers"))
    else:
        st.markdown(kinds(rows))
        chosen = waiting_table(rows)
        if chosen is not None:
            story_link(chosen)
    if facts.job.is_out:
        st.caption(
            f"Entra logs whom it tried. Whoever joined, moved or left since {instant(facts.job.since)} and was not "
            "tried yet leaves no event, and is not listed here."
        )
    show_sql(quarantine_waiting={"at": facts.job.at, "job": facts.job.job_id, "limit": MOST})


def kinds(rows: pd.DataFrame) -> str:
    """Writes how many of each kind wait."""
    leavers, joiners = int(rows["leaver"].sum()), int((rows["action"] == "create").sum())
    least = "At least " if len(rows) == MOST else ""
    others = len(rows) - leavers - joiners
    parts = [
        f":red[**{count(leavers, 'leaver')}**] who should be off" if leavers else "no leaver",
        *([f"{count(joiners, 'joiner')} without an account"] if joiners else []),
        *([f"{count(others, 'other')} with old values"] if others else []),
    ]
    wait = "waits" if len(rows) == 1 else "wait"
    return f"{least}**{count(len(rows), 'object')}** {wait}: {', '.join(parts)}."


def waiting_table(rows: pd.DataFrame) -> Row | None:
    """Draws who waits, and returns the selected row."""
    waits = zip(rows["leaver"], rows["action"], strict=True)
    kind = ["leaver" if leaver else "joiner" if action == "create" else "waiting" for leaver, action in waits]
    columns: dict[str, Any] = {
        "chip": chips_column("Kind"),
        "name": text_column("Who"),
        "action": text_column("What failed"),
        **time_columns(opened_at="Waits since", retry_at="Entra tries again", dropped_at="Entra gives up"),
        "opened_from": text_column("Since, by"),
        "attempts": code_column("Tries"),
        "error_code": text_column("Error", width="large"),
    }
    # Another job's rows are another table, or a selection would open somebody else's story.
    key = Key.WAITING.of(rows["job_id"].iloc[0], len(rows))
    return table(evidence(rows).assign(chip=chips(pd.Series(kind))), columns, key, select=True)
