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
from pipeline.knowledge.quarantine_reasons import Fact, Step, find_reason, steps_of
from pipeline.rules.verdict import blind_since
from views.frame.empty import nothing
from views.frame.look import labelled, plain
from views.parts.quarantine.facts import Facts, Job

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
    """Draws the checklist of a job that is out, and what a restart costs."""
    job = facts.job
    st.subheader("What ends it, and what of that is done?", anchor="exit")
    if not job.is_out:
        nothing("No job status was read." if job.word == "unknown" else "The job is not in quarantine.")
        return
    for number, (step, tick) in enumerate(checklist(facts), 1):
        st.markdown(f"{number}. {labelled(tick.word)} {step.text}  \n   :gray[{tick.why}]")
    with st.expander("What a restart costs", icon=":material/restart_alt:", expanded=True):
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


EXCEPTION = "EncounteredQuarantineException"
COLLECT = Step("Collect the job's status, so that what is inferred here becomes known (docs/graph.md).", "left")
RESTARTED = Step(
    "Then start provisioning again in Entra; a job that is switched off does not come back by itself.", "left"
)


def credential(facts: Facts) -> Tick:
    """Ticks whether the app takes the token again."""
    failing, good, again = (facts.calls.get(name) for name in ("newest failing", "last good", "good again"))
    failing = failing or facts.calls.get("first failing")
    if failing is not None and failing["refused"]:
        last = f"{instant(failing['occurred_at'])} (HTTP {int(failing['http_status'])})"
        if again is not None:
            return Tick("done", f"Works since {instant(again['occurred_at'])}; it was refused last {last}.")
        return Tick("not_yet", f"Refused last {last}; no call was answered well since.")
    if good is None and failing is None:
        return Tick("untold", "The app's own log is not collected, so nobody here sees whether it takes the token.")
    if good is not None and facts.job.since is not None and good["occurred_at"] > facts.job.since:
        return Tick("done", f"No call was refused, and one was answered well {instant(good['occurred_at'])}.")
    return Tick("untold", "No refused call was read, and no good one since it began.")


def answers(facts: Facts) -> Tick:
    """Ticks whether the app answers searches as SCIM demands."""
    failing = facts.calls.get("newest failing") or facts.calls.get("first failing")
    if failing is not None and not failing["refused"]:
        last = f"{plain(str(failing['method']))} {plain(str(failing['path']))}, HTTP {int(failing['http_status'])}"
        if facts.is_recovered:
            return Tick(
                "done", f"Answers well since {instant(facts.calls['good again']['occurred_at'])}; {last} failed last."
            )
        return Tick("not_yet", f"{last} failed last, {instant(failing['occurred_at'])}.")
    if facts.is_recovered:
        return Tick("done", f"Answers well since {instant(facts.calls['good again']['occurred_at'])}.")
    return Tick("untold", "No call was read that tells how the app answers once it has let Entra in.")


def error(facts: Facts) -> Tick:
    """Ticks whether the error that most share is gone."""
    if facts.burn.empty and facts.waiting.empty:
        return Tick("untold", "No event of this job was read.")
    if facts.waiting.empty:
        since = facts.job.since
        later = facts.burn if since is None else facts.burn[facts.burn["ended_at"] > since]
        if gap := log_gap(facts):
            return Tick("untold", f"No pending retries in the log, but {gap}.")
        if not later["closed"].any():
            return Tick("untold", "No pending retries in the log, and no retry that succeeded since it began.")
        return Tick("done", f"No pending retries after the cycle of {instant(later['ended_at'].iloc[-1])}.")
    [(code, times)] = Counter(facts.waiting["error_code"].fillna("an error without a code")).most_common(1)
    return Tick("not_yet", f"{times} of {count(len(facts.waiting), 'object')} that wait fail with {plain(str(code))}.")


def escrows(facts: Facts) -> Tick:
    """Ticks whether the last cycles brought new failures."""
    rows = facts.burn
    if facts.job.since is not None:
        rows = rows[rows["ended_at"] > facts.job.since]
    # A run that Graph calls failed, and in which objects began to fail, has tried them.
    tried = rows[(rows["outcome"] != "failed") | (rows["opened"] > 0)].tail(CYCLES)
    if len(tried) < CYCLES:
        return Tick(
            "untold", f"Fewer than {CYCLES} cycles got through since it began, so whether objects fail is not known."
        )
    new, last = int(tried["opened"].sum()), instant(tried["ended_at"].iloc[-1])
    if new:
        return Tick("not_yet", f"{count(new, 'object')} began to fail in the last {CYCLES} cycles, to {last}.")
    if gap := log_gap(facts, tried["ended_at"].iloc[0]):
        return Tick("untold", f"No new failure in the last {CYCLES} cycles that were read, to {last}, but {gap}.")
    return Tick("done", f"No new failure in the last {CYCLES} cycles, to {last}.")


def log_gap(facts: Facts, since: datetime | None = None) -> str:
    """Writes that logs of a job are missing up to the present, so that nothing may be ticked by them; else empty."""
    job = facts.log
    if job is None or job.covered_until is None:
        return "no provisioning logs of it were read"
    if job.gap_until is None or (since is not None and job.gap_until < since):
        return ""
    return f"hours since {instant(blind_since(job))} have no provisioning logs"


def deletions(facts: Facts) -> Tick:
    """Ticks whether the deletions that were held back are decided."""
    staged = facts.job.deletions
    if staged is None or not staged["was_staged"]:
        return Tick("untold", "No deletion that was held back (stagedDelete) was read.")
    if staged["staged"]:
        return Tick("not_yet", f"{count(staged['staged'], 'object')} held back since {instant(staged['staged_at'])}.")
    return Tick("done", f"{count(staged['was_staged'], 'object')} were held back, and none is now.")


def attempt(facts: Facts) -> Tick:
    """Ticks whether the next try is due, and when."""
    at = facts.job.state["next_attempt_at"]
    if is_missing(at):
        return Tick("untold", "Graph gives no next try. Entra tries after 6, 12 and 24 hours, then daily.")
    if at > facts.job.at:
        return Tick("not_yet", f"Due {instant(at)}{facts.job.countdown(at)}.")
    return Tick("untold", f"Was due {instant(at)}; the newest status is of {instant(facts.job.state['observed_at'])}.")


def left(facts: Facts) -> Tick:
    """Ticks whether the job runs again."""
    word, observed_at = facts.job.word, facts.job.state["observed_at"]
    if is_missing(observed_at):
        return Tick("untold", "No status of the job was ever read.")
    if word in ("quarantined", "switched_off"):
        return Tick(
            "not_yet", f"Still {'in quarantine' if word == 'quarantined' else 'switched off'} {instant(observed_at)}."
        )
    return Tick("done", f"Out of it by the status of {instant(observed_at)}.")


def hand(facts: Facts) -> Tick:
    """Ticks a step that leaves no fact."""
    return Tick("untold", f"Nothing that is read of {facts.job.name} tells; whoever does it knows.")


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
        f"{restart_needed(job)} It lifts the quarantine at once, and costs:\n"
        "- The connector's cache is deleted, and Microsoft warns that “certain provisioning events might be dropped”: "
        "a leaver whose disable was pending may keep the account. Look through who waits first.\n"
        "- The watermark and the failures that wait are cleared, so everything is read and compared anew in an initial "
        f"cycle: {initial_cycle_length(job)}.\n"
        "- A full reset breaks the links between both sides as well; the portal's Restart provisioning does not.\n"
        "- If the cause is not mended, quarantine comes again."
    )


def restart_needed(job: Job) -> str:
    """Writes whether a restart is needed at all."""
    if job.word == "switched_off":
        return "**A job that is switched off has no other way back.**"
    if job.word == "quarantined" and job.reason.word == "TooManyDeletes":
        return (
            "**To allow the deletions no restart is needed. To refuse them it is**, and Microsoft says to mend what "
            "caused them first, and to restart not before."
        )
    return "**Entra leaves quarantine by itself as soon as a try succeeds, so a restart is rarely needed.**"


def initial_cycle_length(job: Job) -> str:
    """Writes how long an initial cycle takes, by Microsoft's formula."""
    objects = job.state["assigned"]
    formula = "by Microsoft's formula of 0.01 to 0.08 minutes an object"
    if is_missing(objects):
        return f"{formula}; how many are assigned is not known"
    low, high = (span(60 * max(1, ceil(part * objects))) for part in PER_OBJECT)
    length = f"about {low}" if low == high else f"about {low} to {high}"
    return f"{length} for {count(objects, 'object')}, {formula}, longer where the app is slow"
