"""Why a job is where it is: Graph's reason, the calls around the trouble, what was changed before it, who waits."""

from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.knowledge.quarantine_reasons import Reason
from pipeline.rules.rule import rules
from views.frame.data import Row, ask, asked, times
from views.frame.events import choose, story_link
from views.frame.look import chip_colours, chips, count, labelled, missing, plain, span, when
from views.parts.quarantine import facts, limits
from views.parts.quarantine.facts import MOST, WEEK, Facts

MONTH = timedelta(days=30)
STANDINGS = {
    "documented": ":green[:material/menu_book: documented]",
    "inferred": ":orange[:material/psychology: our inference]",
    "unverified": ":gray[:material/help: not documented]",
}


def draw(known: Facts) -> None:
    """Draws the cause."""
    job = known.job
    st.subheader("Why?" if job.is_out else "Does anything point to quarantine?", anchor="cause")
    lines = [*reasons(known), *signs(known)]
    for line in lines:
        st.markdown(line)
    if not lines:
        blind = unasked()
        all_clear = (
            ":green[:material/check_circle: Nothing that was read points there, and no rule sees a path into it.]"
        )
        st.markdown(f":gray[:material/help: Nothing that was read points there, but {blind}.]" if blind else all_clear)
    calls(known)
    changed(known)
    asked(
        quarantine_changes={"job": job.job_id, "since": known.began - WEEK, "until": known.began},
        quarantine_calls={"at": job.at, "job": job.job_id},
        silence={"at": job.at, "grace": read_settings().grace, "job": job.job_id},
    )


def reasons(known: Facts) -> list[str]:
    """Says what Graph gives as the reason, what that means and how sure that is; and the error."""
    job = known.job
    said = []
    if job.word == "quarantined":
        said.append(told(job.reason))
    if job.word == "inferred":
        said.append(
            f"{labelled('inferred')} No status was ever read, so Graph's reason is not known; what is seen fits "
            "credentials, or an app that does not answer. Collect job status to know: docs/graph.md shows how."
        )
    code, text = job.state["error_code"], job.state["error_message"]
    if not missing(code) and job.word != "healthy":
        words = "" if missing(text) else f": {plain(str(text))}"
        said.append(f"Error **{plain(str(code))}**{words} {actionable(job.state)}")
    return said


def told(reason: Reason) -> str:
    """Says a reason, its meaning and what that rests on."""
    return f"**{plain(reason.word)}** {STANDINGS[reason.standing]}: {reason.meaning} ({reason.source}.)"


def actionable(state: Row) -> str:
    """Says whether the tenant can mend it, by Graph."""
    if missing(state["tenant_actionable"]):
        return ""
    return (
        "Graph says the tenant can mend it." if state["tenant_actionable"] else "Graph says the tenant cannot mend it."
    )


def unasked() -> str:
    """Says which rules of this page gave no answer, so that their silence is no all-clear; nothing if all did."""
    runs = ask("rule_runs_lately")
    if runs.empty:
        return "the health rules, which would see more, were never asked"
    answered = set(runs[runs["outcome"].isin(["ok", "found"])]["rule"])
    blind = [name for name, rule in rules().items() if rule.page == "quarantine" and name not in answered]
    return f"{plain(', '.join(blind))} gave no answer, for want of data or of being asked" if blind else ""


def signs(known: Facts) -> list[str]:
    """Says what speaks of trouble beside Graph's word: the forecast, incidents, complete failures, silence."""
    course = "" if known.job.is_out else limits.course(known.job)
    said = [f":orange[:material/trending_up:] It {course}."] if course else []
    said += [
        f":orange[:material/monitor_heart:] {plain(str(row['summary']))} (since {when(row['opened_at'])})."
        for row in facts.seen([known.job])
        if row["rule"] in ("escrow_growth", "mass_leavers")
    ]
    failures = known.job.state["successive_failures"]
    if not missing(failures) and failures >= 2:
        said.append(
            f":orange[:material/warning:] {count(failures, 'run')} in a row failed as a whole, by Graph's count: the "
            "path that ends in quarantine whatever the number of objects."
        )
    said += token(known)
    silent = known.silence
    if silent is not None and not missing(silent["cause"]) and silent["cause"] != "idle":
        said.append(
            f":orange[:material/volume_off:] Nothing comes since {when(silent['last_event_at'])}: "
            f"{plain(str(silent['explanation']))}. Who can mend it: {plain(str(silent['receiver']))}."
        )
    return said


def token(known: Facts) -> list[str]:
    """Says that the token has ended, or will within a month, where somebody gave its date."""
    at, state = known.job.at, known.job.state
    ends_at = state["token_ends_at"]
    if missing(ends_at) or ends_at > at + MONTH:
        return []
    verb = "ended" if ends_at <= at else "ends"
    apart = span(abs((ends_at - at).total_seconds()))
    how = f"{apart} ago" if ends_at <= at else f"in {apart}"
    who = plain(str(state["token_said_by"]))
    return [f":orange[:material/key:] Its token {verb} {when(ends_at)}, {how}, as {who} said."]


def calls(known: Facts) -> None:
    """Draws the last good call and the first that failed, to the minute."""
    seen = known.calls
    if not seen:
        st.markdown(
            ":gray[:material/remove: No call of the last 60 days to this app was read: its own log is not collected, "
            "so the first failing call cannot be shown.]"
        )
        return
    st.markdown(around(known))
    rows = pd.DataFrame(list(seen.values())).assign(what=[name.capitalize() for name in seen])
    columns: dict[str, Any] = {
        "what": st.column_config.TextColumn("Which"),
        **times(occurred_at="When"),
        "http_status": st.column_config.NumberColumn("HTTP", format="%d"),
        "method": st.column_config.TextColumn("Method"),
        "path": st.column_config.TextColumn("Path"),
        "filter": st.column_config.TextColumn("Searched for"),
        "detail": st.column_config.TextColumn("The app says", width="large"),
    }
    st.dataframe(rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder="–")
    if not rows["named"].all():
        st.caption(
            "The log of these calls does not name its app; it is taken for this one's, since no other app has a log."
        )


def around(known: Facts) -> str:
    """Says when calls began to fail, how long after the last good one, and whether they still do."""
    good, failing, again = (known.calls.get(name) for name in ("last good", "first failing", "good again"))
    if failing is None:
        return f"No call failed; the last good one was {when(good['occurred_at'] if good else None)}."
    before = "no good call before it is known"
    if good is not None:
        gap = span((failing["occurred_at"].floor("min") - good["occurred_at"].floor("min")).total_seconds())
        before = f"the last good one was {when(good['occurred_at'])}, {gap} earlier"
    still = f"answered well again since {when(again['occurred_at'])}" if again else "none was answered well since"
    return (
        f"The first call that failed was **{when(failing['occurred_at'])}** with HTTP {int(failing['http_status'])}; "
        f"{before}. {count(failing['failing'], 'call')} failed so; {still}."
    )


def changed(known: Facts) -> None:
    """Says what of the configuration was changed in the week before the trouble began."""
    if known.began == known.job.at:
        return
    if known.changes:
        for row in known.changes[:5]:
            between = f"between {when(row['before_at'])} and {when(row['seen_at'])}"
            st.markdown(
                f":orange[:material/settings:] Changed before it, {between}: {plain(str(row['setting']))}, from "
                f"{plain(str(row['before']))} to {plain(str(row['after']))}."
            )
    elif not known.is_configured:
        st.markdown(
            ":gray[:material/settings: Neither its configuration nor a status was ever read, so whether something was "
            "changed before it is not known.]"
        )
    else:
        st.markdown(
            ":gray[:material/settings: In the week before it no change of its configuration was seen. Credentials are "
            "never read, so a change of them cannot be seen.]"
        )


def waiting(known: Facts) -> None:
    """Draws who waits, leavers first; a row opens the person's story."""
    st.subheader("Who waits, leavers first?", anchor="waiting")
    rows = known.waiting
    if rows.empty:
        st.markdown(":green[:material/check_circle: Nobody whose last attempt failed waits for a retry.]")
    else:
        st.markdown(kinds(rows))
        chosen = table(rows)
        if chosen is not None:
            story_link(chosen)
    if known.job.is_out:
        st.caption(
            f"Entra logs whom it tried. Whoever joined, moved or left since {when(known.job.since)} and was not tried "
            "yet leaves no event, and is not listed here."
        )
    asked(quarantine_waiting={"at": known.job.at, "job": known.job.job_id, "limit": MOST})


def kinds(rows: pd.DataFrame) -> str:
    """Says how many of each kind wait."""
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


def table(rows: pd.DataFrame) -> Row | None:
    """Draws who waits and gives whom a person chose."""
    labels, colours = chip_colours()
    kind = rows["leaver"].map({True: "leaver"}).fillna(rows["action"].map({"create": "joiner"})).fillna("waiting")
    columns: dict[str, Any] = {
        "kind": st.column_config.MultiselectColumn("Kind", options=labels, color=colours),
        "name": st.column_config.TextColumn("Who"),
        "action": st.column_config.TextColumn("What failed"),
        **times(opened_at="Waits since", retry_at="Entra tries again", dropped_at="Entra gives up"),
        "attempts": st.column_config.NumberColumn("Tries"),
        "error_code": st.column_config.TextColumn("Error", width="large"),
    }
    # Another job's rows are another table, or a selection would point at a stranger.
    return choose(rows.assign(kind=chips(kind)), columns, f"waiting-{rows['job_id'].iloc[0]}-{len(rows)}")
