"""The verdict in one or two sentences: what needs attention most, and the next step; below it what is missing."""

from dataclasses import replace

import streamlit as st

from pipeline.config.wording import count, instant
from pipeline.rules.verdict import About, Facts, Verdict, verdict
from pipeline.rules.verdict_text import attention, by_app, gaps, head, lacking, step_sentence
from views.frame.look import plain
from views.frame.verdict import MARKED, current_facts, draw_box, draw_judged, draw_verdict

NAMED = 2
"Apps that the sentence names; the table below has them all."


def draw_summary(facts: Facts | None = None) -> Verdict:
    """Draws the verdict on everything, in its colour, and what is not known beside it."""
    facts = facts or current_facts()
    result = verdict(facts)
    if result.state != "action_needed":
        return draw_verdict("all", facts)
    return draw_text("all", headline(result), facts)


def draw_text(about: About, text: str, facts: Facts | None = None, doubt: bool = False) -> Verdict:
    """Draws a page's own sentence in the verdict's colour; below it what is missing, where something is wrong."""
    facts = facts or current_facts()
    result = verdict(facts, about)
    if result.state != "action_needed":
        return draw_judged(about, text, facts, doubt)
    draw_box(result, text, facts, doubt)
    if notes := footnotes(result):
        st.caption(" ".join(notes))
    return result


def headline(result: Verdict) -> str:
    """Writes which apps need attention, the worst with its cause, and the first step of what to do."""
    apps = by_app([cause for cause in result.causes if cause.app_name is not None])
    heads = [f"{head(causes, MARKED)}." for causes in apps[:NAMED]]
    more = [f"{count(len(apps) - NAMED, 'more app')}."] if len(apps) > NAMED else []
    shared = [f"{plain(cause.summary)}." for cause in result.causes if cause.app_name is None][:1]
    first = [f"{attention(result, len(apps))}."] if heads and result.apps > 1 else []
    return " ".join([*first, *heads, *more, *shared, step_sentence(result.causes[0], MARKED, only_first=True)])


def footnotes(result: Verdict) -> list[str]:
    """Writes as of when the rules were evaluated, and what is missing; the banner has until when the data goes."""
    unanswered = [one for one in result.missing if one.kind == "rules_unanswered"]
    missing = tuple(one for one in result.missing if one.kind not in ("old_data", "rules_unanswered"))
    return [
        *([f"Checked {instant(result.checked_at)}."] if result.checked_at else []),
        *(f"{lacking(one, MARKED)}." for one in unanswered),
        *([f"Unknown: {gaps(replace(result, missing=missing), MARKED)}."] if missing else []),
    ]
