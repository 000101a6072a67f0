"""The verdict in one or two sentences: what needs attention most, and the next step; below it what is missing."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import streamlit as st

from pipeline.config.wording import count, instant
from pipeline.rules.verdict import About, Facts, Verdict, verdict
from pipeline.rules.verdict_text import by_app, gaps, head, lacking, step_sentence
from views.frame.look import plain, plain_name
from views.frame.places import page_link
from views.frame.verdict import MARKED, current_facts, draw_box, draw_judged, draw_verdict
from views.parts.overview.fleet import app_words

NAMED = 2
"Apps that the sentence names; the table below has them all."


def draw_summary(facts: Facts | None = None) -> Verdict:
    """Draws the verdict on everything, in its colour, and what is not known beside it."""
    facts = facts or current_facts()
    result = verdict(facts)
    if result.state != "action_needed":
        return draw_verdict("all", facts)
    return draw_text("all", headline(result), facts, beside=partial(worst_app_link, result))


def worst_app_link(result: Verdict) -> None:
    """Draws the way to the app of the worst cause."""
    worst = result.causes[0]
    if worst.job_id is not None:
        words = app_words(worst.job_id)
        label = f"Open {plain_name(worst.app_name)}"
        page_link("apps", label, ":material/arrow_forward:", words, width="content")


def draw_text(
    about: About,
    text: str,
    facts: Facts | None = None,
    doubt: bool = False,
    beside: Callable[[], None] = lambda: None,
) -> Verdict:
    """Draws a page's own sentence in the verdict's colour; below it what is missing, where something is wrong.

    `beside` draws something after what is missing.
    """
    facts = facts or current_facts()
    result = verdict(facts, about)
    if result.state != "action_needed":
        return draw_judged(about, text, facts, doubt)
    draw_box(result, text, facts, doubt)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if notes := footnotes(result):
            st.caption(" ".join(notes), width="content")
        beside()
    return result


def headline(result: Verdict) -> str:
    """Writes which apps need attention, the worst with its cause, and the first step of what to do."""
    apps = by_app([cause for cause in result.causes if cause.app_name is not None])
    heads = [f"{head(causes, MARKED)}." for causes in apps[:NAMED]]
    more = [f"{count(len(apps) - NAMED, 'more app')}."] if len(apps) > NAMED else []
    shared = [f"{plain(cause.summary)}." for cause in result.causes if cause.app_name is None][:1]
    return " ".join([*heads, *more, *shared, step_sentence(result.causes[0], MARKED, only_first=True)])


def footnotes(result: Verdict) -> list[str]:
    """Writes as of when the rules were evaluated, and what is missing; the banner has until when the data goes."""
    unanswered = [one for one in result.missing if one.kind == "rules_unanswered"]
    missing = tuple(one for one in result.missing if one.kind not in ("old_data", "rules_unanswered"))
    return [
        *([f"Checked {instant(result.checked_at)}."] if result.checked_at else []),
        *(f"{lacking(one, MARKED)}." for one in unanswered),
        *([f"Unknown: {gaps(replace(result, missing=missing), MARKED)}."] if missing else []),
    ]
