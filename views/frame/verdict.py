"""The verdict on a page: its sentence in the one colour that the facts give it, and the chip in the header.

No page decides by itself whether all is well. A subject's sentence is never greener than the verdict on everything.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.wording import ago, dated, instant
from pipeline.rules.verdict import About, Facts, JobFacts, Missing, Verdict, unknown_of, verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.rules.verdict_text import LABELS, Style, app_of, attention, missing_sentences, sentence, unknown_sentence
from views.frame.data import Row, records, store
from views.frame.filters import bar
from views.frame.look import COLOURS, look, plain, plain_name

MARKED = Style(name=lambda name: f"**{plain_name(name)}**", text=plain)
ICONS = {
    "action_needed": ":material/error:",
    "running": ":material/play_circle:",
    "ok": ":material/check_circle:",
    "unknown": ":material/question_mark:",
}
BOXES: dict[str, Callable[..., Any]] = {"bad": st.error, "warn": st.warning, "info": st.info, "good": st.success}


def current_facts(at: datetime | None = None) -> Facts:
    """Returns the facts about the bar's job or tenant, else about all, as of an instant or the present."""
    facts = read_facts(store(), at)
    if bar().job is not None:
        return facts.of([str(bar().job)])
    return facts if bar().tenant is None else facts.of_tenant(str(bar().tenant))


def draw_verdict(about: About = "all", facts: Facts | None = None) -> Verdict:
    """Draws the verdict on a subject in a sentence, and returns it."""
    facts = facts or current_facts()
    result = verdict(facts, about)
    draw_box(result, sentence(result, MARKED), facts)
    return result


def draw_judged(about: About, text: str, facts: Facts | None = None, doubt: bool = False) -> Verdict:
    """Draws a page's own sentence in the verdict's colour, with what is missing; with `doubt` it is not green."""
    facts = facts or current_facts()
    result = verdict(facts, about)
    gaps = unknown_by_app(facts) if about == "leavers" else ""
    gaps = gaps or " ".join(missing_sentences(result, MARKED))
    draw_box(result, f"{text} {gaps}".strip(), facts, doubt)
    return result


FEW = 3
"Apps of which a sentence says one by one why they are unknown."


def unknown_by_app(facts: Facts) -> str:
    """Writes of each app why it is unknown whether its leavers were removed; empty where all data lacks something."""
    blind = [job for job in facts.jobs if unknown_of(job, facts) is not None]
    if facts.is_old or facts.ends_at is None or not blind or len(blind) > FEW:
        return ""
    sentences = []
    for job in blind:
        missing = verdict(facts.of([job.job_id], shared=False), "leavers").missing
        clauses = [APP_GAPS[one.kind](one) for one in missing if one.kind in APP_GAPS]
        if len(clauses) < len(missing):
            return ""
        *before, last = clauses
        why = f"{', '.join(before)} and {last}" if before else last
        sentences.append(f"**Unknown for {plain(job.app_name)}**: {why}, so leavers may still have access.")
    return " ".join(sentences)


def since_clause(one: Missing) -> str:
    """Writes since when something is missing; empty where that is unknown."""
    return f" since {instant(one.since)}" if one.since else ""


APP_GAPS: dict[str, Callable[[Missing], str]] = {
    "not_removing": lambda one: f"it has not been able to remove users{since_clause(one)} (in quarantine or stopped)",
    "gap": lambda one: f"its provisioning logs are missing{since_clause(one)}",
    "no_events": lambda _: "it has no provisioning logs",
    "no_status": lambda _: "it has no job status",
    "replaced": lambda one: f"a newer job of the app has replaced it{since_clause(one)}",
    "old_status": lambda one: f"its last job status is of {instant(one.since)}",
    "never_run": lambda _: "it has not completed a cycle yet",
}
"What is missing of one app, to follow its name."


def draw_box(result: Verdict, text: str, facts: Facts, doubt: bool = False) -> None:
    """Draws a sentence: green only where the verdict on everything is OK as well."""
    if result.state == "ok" and (doubt or verdict(facts).state != "ok"):
        st.markdown(text)
    elif result.tone in BOXES:
        BOXES[result.tone](text, icon=ICONS[result.state])
    else:
        st.markdown(f"{chip(result)} {text}")


def chip(result: Verdict) -> str:
    """Writes the state as a chip; of several apps, how many need attention."""
    apps = len({app_of(cause) for cause in result.causes if cause.app_name is not None})
    label = attention(result, apps) if apps and result.apps > 1 else LABELS[result.state]
    return f":{COLOURS[result.tone]}-badge[{ICONS[result.state]} {label}]"


def job_words(jobs: pd.DataFrame, column: str = "state") -> list[str]:
    """Returns a word for each job's chip: the verdict's, where its own would be a claim without evidence."""
    facts = read_facts(store())
    return [job_word(str(row["job_id"]), str(row[column]), facts) for row in records(jobs)]


def job_word(job: str, word: str, facts: Facts) -> str:
    """Returns the word of one job's chip."""
    if word == "running" and any(one.may_be_over for one in facts.jobs if one.job_id == job):
        return "unknown"
    if look(word).tone != "good":
        return word
    state = verdict(facts.of([job], shared=False)).state
    return word if state == "ok" else state


def job_facts(job: str, at: datetime | None = None) -> JobFacts | None:
    """Returns the facts of one job; None where none are known."""
    return next((one for one in read_facts(store(), at).jobs if one.job_id == job), None)


def blind_spot(job: str | None, facts: Facts | None = None) -> Missing | None:
    """Returns why it is not known how users of a job's app are now; None where it is."""
    facts = facts or read_facts(store())
    known = next((one for one in facts.jobs if one.job_id == job), None)
    return Missing("no_jobs") if known is None else unknown_of(known, facts)


WAS = {"in_sync": "was_in_sync"}
"Words that are claims about the present, and what they are where newer data is missing."


def status_now(job: object, word: str, facts: Facts | None = None) -> str:
    """Returns the word of a user's or group's status in a job's app; a claim about the present needs present data."""
    return WAS[word] if word in WAS and blind_spot(str(job), facts) is not None else word


BLIND = ("empty", "old_data", "no_jobs", "no_events", "gap", "unlogged_errors")
"What keeps failures from being seen, or from being those of now."


def number_or_unknown(number: int, facts: Facts | None = None) -> str:
    """Writes how many there are; none is a claim, which is unknown where failures cannot be seen."""
    if number:
        return f"{number:,}"
    return "Unknown" if any(one.kind in BLIND for one in verdict(facts or current_facts()).missing) else "0"


def claim(text: str, facts: Facts | None = None, about: About = "leavers") -> str:
    """Returns a sentence that says none or nothing, qualified by what is missing for it to be known."""
    return f"{text} {unknown_sentence(verdict(facts or current_facts(), about), MARKED)}".strip()


def old_data_note(facts: Facts) -> str:
    """Writes until when the data goes, where that is more than a day ago; empty where it is current."""
    if not facts.is_old or facts.ends_at is None:
        return ""
    apart = ago((facts.now - facts.ends_at).total_seconds())
    return (
        f"Viewing data up to {dated(facts.ends_at)} ({apart}). Status and ages are as of then; what happened "
        "since is unknown."
    )


def qualified(row: Row, text: str) -> str:
    """Returns a sentence about somebody in one app with since when nothing is known of it."""
    gap = blind_spot(None if row["job_id"] is None else str(row["job_id"]))
    return text if gap is None else f"{text} Its present state is {unknown_since(gap)}."


def unknown_since(gap: Missing) -> str:
    """Writes since when something is unknown, and why."""
    since = f" since {instant(gap.since)}" if gap.since else ""
    return f"unknown{since} ({GAPS.get(gap.kind, 'newer data is missing')})"


GAPS = {
    "old_data": "the data ends then",
    "not_removing": "the app is in quarantine or stopped",
    "gap": "hours without provisioning logs",
    "no_events": "no provisioning logs",
    "replaced": "a newer job of the app has replaced this one",
    "unlogged_errors": "Entra counts errors that no log shows",
    "no_status": "no job status",
    "old_status": "no recent job status",
}
