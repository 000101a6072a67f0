"""One app: what is wrong and what to do, impact and evidence; of one without trouble its cycles, token and coverage."""

from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import count, instant, is_missing, share
from pipeline.knowledge.causes import Cause, cause_of
from pipeline.rules.rule import rules
from pipeline.rules.verdict import Facts as VerdictFacts
from pipeline.rules.verdict import Verdict, verdict
from pipeline.rules.verdict_text import next_step
from views.frame.data import Row, as_of, ask, ask_ahead, records
from views.frame.empty import nothing
from views.frame.filters import bar
from views.frame.look import cause, chips, plain
from views.frame.panel import show_sql
from views.frame.places import page_link
from views.frame.state import Word
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.frame.verdict import current_facts, draw_verdict
from views.parts.alerts.incident import copy_summary
from views.parts.alerts.incidents import draw_acts, open_now
from views.parts.apps.blocked import draw_blocked, draw_impact
from views.parts.apps.cause import draw_changes, draw_evidence, draw_reason, draw_symptoms
from views.parts.apps.facts import Facts, Job, facts_of, inferred_sentence, job_sentence
from views.parts.apps.limits import course, draw_burn_down, draw_clock, draw_headroom, has_retries
from views.parts.apps.recovery import draw_recovery, draw_restart
from views.parts.cycles.progress import draw_card, refreshed, running_jobs
from views.parts.cycles.tab import kind_labels, mark_running
from views.parts.issues.handling import with_handling
from views.parts.issues.sentences import filled, issue_title
from views.parts.issues.tab import is_open
from views.parts.overview.fleet import fleet_rows, fleet_values
from views.parts.overview.past import draw_lanes, draw_quarantines, folded
from views.parts.overview.summary import draw_text, headline
from views.parts.shared.remedies import meaning_in, steps_in, stop_word

SEVERE = ("critical", "warning")
ISSUES = 3
"Open issues whose steps are written."
CYCLES = 5
"Cycles that are listed."


def draw_app(job: Job) -> None:
    """Draws one app: its verdict, what to do, and what that rests on; the rest in closed expanders."""
    facts = facts_of(job)
    own = current_facts()
    result = verdict(own)
    incidents = [row for row in open_now()[0] if row["severity"] in SEVERE]
    draw_sentence(facts, result, own)
    refreshed(draw_running_cards)
    if job.is_out:
        draw_out(facts, incidents, own)
    else:
        ask_ahead("issues")
        draw_numbers(facts, result)
        if result.causes:
            draw_steps(facts, result, incidents)
        draw_cycles()
    draw_more(facts)
    show_sql(quarantine_states={"at": job.at}, quarantine_inferred={"at": job.at})


def draw_sentence(facts: Facts, result: Verdict, own: VerdictFacts) -> None:
    """Draws what is the matter in the verdict's colour, and what is not known."""
    path = "" if facts.job.is_out else course(facts.job)
    if facts.job.is_out:
        draw_text("all", out_sentence(facts), own, doubt=True)
    elif result.causes:
        draw_text("all", headline(result), own)
    else:
        draw_verdict("all", own)
    if path:
        st.warning(f"**{facts.job.name}** {path}.", icon=":material/trending_up:")


def out_sentence(facts: Facts) -> str:
    """Writes why a job is in quarantine, since when, and what happens when."""
    job = facts.job
    if job.word == "inferred" and job.inferred is not None:
        return f"{inferred_sentence(job, job.inferred)}."
    failing, good = facts.calls.get("first failing"), facts.calls.get("last good")
    if job.word != "quarantined" or failing is None or not failing["refused"]:
        return f"{job_sentence(job)}."
    why = cause(job.state["reason"], job.state["error_code"], job.job_id)
    gap = ""
    if good is not None:
        minutes = (failing["occurred_at"].floor("min") - good["occurred_at"].floor("min")).total_seconds() / 60
        gap = f", {count(minutes, 'minute')} after the last successful request" if minutes < 120 else ""
    return (
        f"**{job.name} is in quarantine: {plain(why)}.** Entra has been getting HTTP {int(failing['http_status'])} "
        f"since {instant(failing['occurred_at'])}{gap}. Unless it recovers, Entra disables the job on "
        f"{instant(job.state['disabled_at'])}."
    )


def draw_running_cards(jobs: pd.DataFrame) -> None:
    """Draws the app's running cycle, if any."""
    for job in running_jobs(jobs):
        draw_card(job)


def draw_out(facts: Facts, incidents: list[Row], own: VerdictFacts) -> None:
    """Draws an app in quarantine: the clock, the checklist and what people do about it; impact and evidence beside."""
    incident = incidents[0] if incidents else None
    left, right = st.columns([5, 3], gap="medium")
    with left:
        with st.container(border=True):
            draw_clock(facts.job)
            draw_recovery(facts)
            draw_handling(incident)
        draw_retries(facts)
    with right:
        draw_impact(facts, verdict(own, "leavers"))
        draw_evidence(facts)
        draw_symptoms(facts, incident)
        draw_changes(facts)


def draw_handling(incident: Row | None) -> None:
    """Draws what a person can do with the open incident: acknowledge, snooze, assign, copy."""
    if incident is None:
        return
    draw_acts(incident)
    copy_summary(str(incident["incident_id"]), False)


def draw_numbers(facts: Facts, result: Verdict) -> None:
    """Draws the next cycle, how much is in sync, the token, and open issues."""
    rows = records(fleet_rows(ask("fleet", **fleet_values())))
    own = next((row for row in rows if row["job_id"] == facts.job.job_id), None)
    due = None if own is None else own["due_at"]
    issues = len(open_issues())
    pending = 0 if own is None or is_missing(own["open_escrows"]) else int(own["open_escrows"])
    none = "Unknown" if result.missing else "0"
    with st.grid(4, min_column_width=180):
        is_replaced = facts.log is not None and facts.log.replaced_at is not None
        coming = "None" if is_replaced else next_cycle(own, due)
        number("Next cycle", coming, "A newer job of the app runs." if is_replaced else "By the job's schedule.")
        synced = None if own is None or is_missing(own["in_place_share"]) else float(own["in_place_share"])
        number("In sync", share(synced, absent="n/a"), "Of the users and groups that should be in the app.")
        number("Pending retries", f"{pending:,}" if pending else none, "Users and groups whose last attempt failed.")
        token = "Not set" if own is None or is_missing(own["token"]) else str(own["token"])
        number("Token expiry", token, "Rejected, or when it expires, as entered.")
    if issues:
        page_link("issues", count(issues, "open issue"), ":material/error:", bar().link())


def next_cycle(own: Row | None, due: Any) -> str:
    """Writes when the next cycle is due; while one is running that is after it."""
    if own is not None and own["word"] == "running":
        return "After this one"
    if due is None or is_missing(due):
        return "Unknown"
    return instant(due) if due > as_of() else f"Was due {instant(due)}"


def open_issues() -> list[Row]:
    """Returns the open issues of the app, the gravest first, as Issues lists them."""
    issues = with_handling(ask("issues"))
    return records(issues[is_open(issues)]) if len(issues) else []


def number(label: str, value: str, help: str) -> None:
    """Draws one number."""
    st.metric(label, plain(value), help=help, border=True, height="stretch")


def draw_steps(facts: Facts, result: Verdict, incidents: list[Row]) -> None:
    """Draws what to do about an app that is not in quarantine: the steps of each open issue, else the rule's."""
    issues = [row for row in open_issues() if documented(row)]
    left, right = st.columns([5, 3], gap="medium")
    with left, st.container(border=True):
        st.subheader("What to do", anchor="exit")
        rule = rules().get(result.causes[0].rule)
        if issues and (rule is None or not incidents):
            for row in issues[:ISSUES]:
                draw_issue_steps(row)
            if len(issues) > ISSUES:
                page_link("issues", f"{len(issues) - ISSUES} more open issues", ":material/error:", bar().link())
        else:
            step = next_step(result.causes[0])
            st.markdown(plain(step[:1].upper() + step[1:]))
        words = bar().link(**{Word.STATE: "failing"})
        page_link("users", "Failing users and groups", ":material/group:", words)
        draw_handling(incidents[0] if incidents else None)
    with left:
        draw_retries(facts)
    with right:
        draw_impact(facts, verdict(current_facts(), "leavers"))
        if incidents:
            draw_symptoms(facts, incidents[0])


def draw_retries(facts: Facts) -> None:
    """Draws the pending retries over time, where there are any."""
    if has_retries(facts):
        st.subheader("Pending retries", anchor="burn-down")
        draw_burn_down(facts)


def documented(row: Row) -> Cause | None:
    """Returns the documented cause of an issue; None where nothing is documented."""
    return cause_of(filled(row))


def draw_issue_steps(row: Row) -> None:
    """Draws an open issue: what it is, whom it affects since when, and what to do."""
    known = documented(row)
    if known is None:
        return
    affected = f"{int(row['waiting']):,} affected" if row["waiting"] else "none affected now"
    st.markdown(f"**{plain(issue_title(row))}** · {affected} · since {instant(row['first_seen_at'])}")
    stop = stop_word(row["job_id"])
    steps, meaning = steps_in(known, row["app_name"], stop), meaning_in(known, stop)
    st.markdown(meaning if len(steps) > 1 else f"{meaning} **What to do:** {steps[0]}")
    if len(steps) > 1:
        st.markdown("\n".join(f"1. {step}" for step in steps))


def draw_cycles() -> None:
    """Draws the last cycles."""
    st.subheader("Last cycles", anchor="last-cycles")
    rows = ask("cycles_lately", limit=CYCLES)
    if rows.empty:
        nothing("No cycles in this time range.")
        return
    shown = mark_running(rows)
    # The end of a cycle that still runs, or may, is not known: what the log has is its last event so far.
    ended = shown["outcome"].notna() & (shown["outcome"] != "running")
    shown = shown.assign(ended_at=shown["ended_at"].where(ended), other=other_results(shown))
    columns = {
        **time_columns(began_at="Started", ended_at="Ended"),
        "kind": text_column("Kind"),
        "chip": chips_column("Outcome"),
        "objects": number_column("Users and groups"),
        "succeeded": number_column("Succeeded"),
        "failed": number_column("Failed"),
        "skipped": number_column("Skipped"),
        "other": number_column("Other", help="Warnings, and results that are not documented"),
    }
    if not shown["other"].any():
        del columns["other"]
    shown = shown.assign(chip=chips(shown["outcome"].fillna("unknown")), kind=kind_labels(shown))
    table(shown, columns)
    page_link("cycles", "All cycles", ":material/cached:", bar().link())
    show_sql(cycles_lately={"limit": CYCLES})


def other_results(rows: pd.DataFrame) -> "pd.Series[int]":
    """Returns how many events of each cycle neither succeeded nor failed nor were skipped."""
    return (rows["events"] - rows["succeeded"] - rows["failed"] - rows["skipped"]).clip(lower=0)


def draw_more(facts: Facts) -> None:
    """Draws the rest, each in an expander."""
    job = facts.job
    folded("Blocked users and groups", lambda: draw_blocked(facts))
    folded("Quarantine thresholds", lambda: draw_headroom(job))
    if not has_retries(facts):
        folded("Pending retries over time", lambda: draw_burn_down(facts))
    if job.is_out:
        folded("Effects of a restart", lambda: draw_restart(job))
    folded("Job status history", lambda: draw_lanes(job.at))
    folded("Past quarantines", lambda: draw_quarantines(job.at))
    if job.is_out or not is_missing(job.state["error_code"]):
        folded("Technical details", lambda: draw_reason(facts))
