"""How a quarantine ends: the steps of its reason, each ticked by the facts in the store, and what a restart costs.

A tick is one of three: done by the facts, not yet by the facts, or unknown.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Literal

import streamlit as st

from pipeline.config.wording import count, instant, is_missing, span
from pipeline.knowledge.causes import family_of
from pipeline.knowledge.quarantine_reasons import EXCEPTION, Fact, Step, find_reason, steps_of
from pipeline.rules.verdict import blind_since
from pipeline.rules.verdict_text import PEOPLE
from views.frame.look import COLOURS, look, plain
from views.parts.apps.facts import Facts, Job
from views.parts.shared.remedies import text_in

Ticked = Literal["done", "not_yet", "untold"]
CYCLES = 2
"Cycles without a new failure that are taken for recovered."
PER_OBJECT = (0.01, 0.08)
"Minutes of an initial cycle for each object that is assigned, by Microsoft's formula."


@dataclass(frozen=True)
class Tick:
    """Whether a step is done, and by which fact."""

    word: Ticked
    why: str


def draw_recovery(facts: Facts) -> None:
    """Draws the recovery checklist of a job that is out, each step with the fact that ticks it."""
    st.subheader("Recovery checklist", anchor="exit")
    steps = checklist(facts)
    following = next((place for place, (_, tick) in enumerate(steps) if tick.word != "done"), None)
    for place, (step, tick) in enumerate(steps):
        text = plain(text_in(step.text, facts.job.state["app_name"]))
        word = "next" if place == following and tick.word == "not_yet" else tick.word
        st.markdown(f"{mark(word)} **{place + 1}.** {text} :gray[{tick.why}]")


def mark(word: str) -> str:
    """Writes a step's tick as an icon with its label as a chip."""
    seen = look(word)
    return f":{COLOURS[seen.tone]}-badge[{seen.icon} {seen.label}]"


def draw_restart(job: Job) -> None:
    """Draws what a restart does."""
    st.markdown(restart(job))


def checklist(facts: Facts) -> list[tuple[Step, Tick]]:
    """Returns the steps of the job's reason with their ticks."""
    return [(step, TICKS[step.fact](facts)) for step in steps(facts.job)]


def steps(job: Job) -> tuple[Step, ...]:
    """Returns what ends a job's trouble: its reason's steps; where no status tells, those that fit its signs."""
    family = family_of(job.job_id)
    if job.word == "switched_off":
        return (*steps_of(find_reason(EXCEPTION), job.cause, family)[:-2], RESTARTED)
    if job.word == "inferred":
        return (COLLECT, *steps_of(find_reason(EXCEPTION), None, family))
    return steps_of(job.reason, job.cause, family)


COLLECT = Step("Collect the job status, to confirm what is inferred here (docs/graph.md).", "left")
RESTARTED = Step("Start provisioning again in Entra; a disabled job does not restart by itself.", "left")


def credential(facts: Facts) -> Tick:
    """Ticks whether the app takes the token again."""
    failing, good, again = (facts.calls.get(name) for name in ("newest failing", "last good", "good again"))
    failing = failing or facts.calls.get("first failing")
    if failing is not None and failing["refused"]:
        last = f"{instant(failing['occurred_at'])} (HTTP {int(failing['http_status'])})"
        if again is not None:
            return Tick("done", f"Accepted since {instant(again['occurred_at'])}; last rejected {last}.")
        return Tick("not_yet", f"Last rejected {last}.")
    if good is None and failing is None:
        return Tick("untold", "Cannot be verified: the app's SCIM log is not collected.")
    if good is not None and facts.job.since is not None and good["occurred_at"] > facts.job.since:
        return Tick("done", f"No request was rejected; last success {instant(good['occurred_at'])}.")
    return Tick("untold", "No rejected request in the SCIM log, and none successful since the quarantine began.")


def answers(facts: Facts) -> Tick:
    """Ticks whether the app answers searches as SCIM demands."""
    failing = facts.calls.get("newest failing") or facts.calls.get("first failing")
    if failing is not None and not failing["refused"]:
        last = f"{plain(str(failing['method']))} {plain(str(failing['path']))}, HTTP {int(failing['http_status'])}"
        if facts.is_recovered:
            return Tick(
                "done", f"Successful since {instant(facts.calls['good again']['occurred_at'])}; last failure: {last}."
            )
        return Tick("not_yet", f"Last failure: {last}, {instant(failing['occurred_at'])}.")
    if facts.is_recovered:
        return Tick("done", f"Successful since {instant(facts.calls['good again']['occurred_at'])}.")
    return Tick("untold", "No request in the SCIM log shows how the app answers once the token is accepted.")


def error(facts: Facts) -> Tick:
    """Ticks whether the error that most share is gone."""
    if facts.burn.empty and facts.waiting.empty:
        return Tick("untold", "No events of this app in the store.")
    if facts.waiting.empty:
        since = facts.job.since
        later = facts.burn if since is None else facts.burn[facts.burn["ended_at"] > since]
        if gap := log_gap(facts):
            return Tick("untold", f"No pending retries in the log, but {gap}.")
        if not later["closed"].any():
            return Tick("untold", "No pending retries in the log, and no successful retry since the quarantine began.")
        return Tick("done", f"No pending retries after the cycle of {instant(later['ended_at'].iloc[-1])}.")
    [(code, times)] = Counter(facts.waiting["error_code"].fillna("an error without a code")).most_common(1)
    return Tick(
        "not_yet", f"{times} of {count(len(facts.waiting), *PEOPLE)} pending retry fail with {plain(str(code))}."
    )


def escrows(facts: Facts) -> Tick:
    """Ticks whether the last cycles brought new failures."""
    rows = facts.burn
    if facts.job.since is not None:
        rows = rows[rows["ended_at"] > facts.job.since]
    # A run that Graph calls failed, and in which objects began to fail, has tried them.
    tried = rows[(rows["outcome"] != "failed") | (rows["opened"] > 0)].tail(CYCLES)
    if len(tried) < CYCLES:
        return Tick("untold", f"Fewer than {CYCLES} complete cycles since the quarantine began.")
    new, last = int(tried["opened"].sum()), instant(tried["ended_at"].iloc[-1])
    if new:
        return Tick("not_yet", f"{count(new, 'new failure')} in the last {CYCLES} cycles, to {last}.")
    if gap := log_gap(facts, tried["ended_at"].iloc[0]):
        return Tick("untold", f"No new failures in the last {CYCLES} cycles in the log, to {last}, but {gap}.")
    return Tick("done", f"No new failures in the last {CYCLES} cycles, to {last}.")


def log_gap(facts: Facts, since: datetime | None = None) -> str:
    """Writes that logs of a job are missing up to the present, so that nothing may be ticked by them; else empty."""
    job = facts.log
    if job is None or job.covered_until is None:
        return "no provisioning logs of this app are loaded"
    if job.gap_until is None or (since is not None and job.gap_until < since):
        return ""
    return f"hours since {instant(blind_since(job))} have no provisioning logs"


def deletions(facts: Facts) -> Tick:
    """Ticks whether the deletions that were held back are decided."""
    staged = facts.job.deletions
    if staged is None or not staged["was_staged"]:
        return Tick("untold", "No staged deletion in the log.")
    if staged["staged"]:
        return Tick("not_yet", f"{count(staged['staged'], 'staged deletion')} since {instant(staged['staged_at'])}.")
    return Tick("done", f"{count(staged['was_staged'], 'deletion')} had been staged, none is now.")


def attempt(facts: Facts) -> Tick:
    """Ticks whether the next try is due, and when."""
    at = facts.job.state["next_attempt_at"]
    if is_missing(at):
        return Tick("untold", "The job status has no next attempt. Entra retries after 6, 12 and 24 hours, then daily.")
    if at > facts.job.at:
        return Tick("not_yet", f"Due {instant(at)}{facts.job.countdown(at)}.")
    return Tick(
        "untold", f"Was due {instant(at)}; the latest job status is of {instant(facts.job.state['observed_at'])}."
    )


def left(facts: Facts) -> Tick:
    """Ticks whether the job runs again."""
    word, observed_at = facts.job.word, facts.job.state["observed_at"]
    if is_missing(observed_at):
        return Tick("untold", "No job status is loaded.")
    if word in ("quarantined", "switched_off"):
        return Tick(
            "not_yet",
            f"Still {'in quarantine' if word == 'quarantined' else 'disabled'}, job status of {instant(observed_at)}.",
        )
    return Tick("done", f"Out of quarantine, job status of {instant(observed_at)}.")


def hand(_: Facts) -> Tick:
    """Ticks a step that leaves no fact."""
    return Tick("untold", "Cannot be verified from logs.")


TICKS: dict[Fact, Callable[[Facts], Tick]] = {
    "credential": credential,
    "answers": answers,
    "error": error,
    "escrows": escrows,
    "deletions": deletions,
    "attempt": attempt,
    "left": left,
    "hand": hand,
}


def restart(job: Job) -> str:
    """Writes what a restart does, and how long it takes for a job of this size."""
    return (
        f"{restart_needed(job)} A restart ends the quarantine at once, with these effects:\n"
        "- The connector's cache is deleted, and Microsoft warns that “certain provisioning events might be dropped”: "
        "a leaver with a pending disable may keep the account. Check the blocked users first.\n"
        "- The watermark and pending retries are cleared, and an initial cycle reads and compares everything again: "
        f"{initial_cycle_length(job)}.\n"
        "- A full reset also removes the links between both sides; the portal's Restart provisioning does not.\n"
        "- If the cause is not fixed, the job returns to quarantine."
    )


def restart_needed(job: Job) -> str:
    """Writes whether a restart is needed at all."""
    if job.word == "switched_off":
        return "**A disabled job only starts again with a restart.**"
    if job.word == "quarantined" and job.reason.word == "TooManyDeletes":
        return (
            "**Allowing the deletions needs no restart; rejecting them does.** Microsoft advises to fix their cause "
            "first, and to restart only then."
        )
    return "**The job leaves quarantine by itself as soon as an attempt succeeds, so a restart is rarely needed.**"


def initial_cycle_length(job: Job) -> str:
    """Writes how long an initial cycle takes, by Microsoft's formula."""
    objects = job.state["assigned"]
    formula = "by Microsoft's formula of 0.01 to 0.08 minutes per user or group"
    if is_missing(objects):
        return f"{formula}; the number of assigned users and groups is unknown"
    low, high = (span(60 * max(1, ceil(part * objects))) for part in PER_OBJECT)
    length = f"about {low}" if low == high else f"about {low} to {high}"
    return f"{length} for {count(objects, *PEOPLE)}, {formula}, longer if the app is slow"
