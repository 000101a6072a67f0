"""Writes a verdict in words: what is the matter and since when, the next step, what is missing and how to get it.

The same sentences stand on pages, in mails and on the command line; only how a name is marked differs.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from pipeline.config.wording import count, dated, instant, iso, people, within
from pipeline.rules.rule import rules
from pipeline.rules.summary import undated
from pipeline.rules.verdict import FOUND_BY, Cause, Missing, Verdict

LABELS = {"action_needed": "Action needed", "running": "Running", "ok": "OK", "unknown": "Unknown"}
SHOWN = 4
"Apps that are named; of the others their number is."
PEOPLE = ("user or group", "users and groups")


@dataclass(frozen=True)
class Style:
    """How a text from the data is written where a sentence goes."""

    name: Callable[[str], str] = str
    text: Callable[[str], str] = str


PLAIN = Style()


def sentence(verdict: Verdict, style: Style = PLAIN) -> str:
    """Writes a verdict: what is the matter first, then what is not known."""
    return " ".join([*lead(verdict, style), *missing_sentences(verdict, style)])


def summary_of(verdict: Verdict) -> dict[str, Any]:
    """Returns a verdict for programs: its state, the sentence, and what is missing."""
    return {
        "state": verdict.state,
        "as_of": iso(verdict.at),
        "sentence": plain_sentence(verdict),
        "missing": [
            {"kind": one.kind, "names": list(one.names), "since": iso(one.since) if one.since else None}
            for one in verdict.missing
        ],
    }


def lead(verdict: Verdict, style: Style) -> list[str]:
    """Writes what is the matter, or that nothing is; nothing where that is unknown."""
    if verdict.state == "unknown":
        return []
    writers = {"action_needed": action, "running": running}
    return [writers[verdict.state](verdict, style) if verdict.state in writers else calm(verdict)]


def plain_sentence(verdict: Verdict) -> str:
    """Writes a verdict for mails and the command line, where no text is marked."""
    return sentence(verdict).replace("`", "")


def action(verdict: Verdict, style: Style) -> str:
    """Writes which apps need attention, why, and the next step for the worst."""
    own = [cause for cause in verdict.causes if cause.app_name is not None]
    apps = by_app(own)
    heads = [f"{head(causes, style)}." for causes in apps[:SHOWN]]
    shared = [f"{style.text(cause.summary)}." for cause in verdict.causes if cause.app_name is None]
    more = [f"{count(len(apps) - SHOWN, 'more app')}."] if len(apps) > SHOWN else []
    first = [f"{attention(verdict, len(apps))}."] if heads and verdict.apps > 1 else []
    return " ".join([*first, *heads, *more, *shared[:SHOWN], step_sentence(verdict.causes[0], style)])


def attention(verdict: Verdict, apps: int) -> str:
    """Writes how many of the apps need attention."""
    return f"{apps:,} of {count(max(verdict.apps, apps), 'app')} {'needs' if apps == 1 else 'need'} attention"


FURTHER = re.compile(r"\. |; (?![^(]*\))")
"What the first of several steps ends with."


def step_sentence(cause: Cause, style: Style, only_first: bool = False) -> str:
    """Writes what to do about a cause, or the first sentence of that, and in which app."""
    step = next_step(cause, style)
    if only_first:
        step = f"{FURTHER.split(step)[0].rstrip('.')}."
    place = f" for {style.name(cause.app_name)}" if cause.app_name else ""
    return f"Next step{place}: {within(step)}"


def by_app(causes: Iterable[Cause]) -> list[list[Cause]]:
    """Returns the causes of each app together, in the order of each app's worst."""
    every = list(causes)
    groups = {name: list(own) for name, own in groupby(sorted(every, key=app_of), key=app_of)}
    return sorted(groups.values(), key=lambda own: every.index(own[0]))


def app_of(cause: Cause) -> str:
    """Returns what tells a cause's app: its job, else its name."""
    return cause.job_id or cause.app_name or ""


COUNTED = ("failing", "leavers", "in_use", "staged", "rejected")
STATES = ("quarantined", "inferred", "disabled", "paused", "dead", "stalled", "late", "mostly_failing")
SUBJECT = dict.fromkeys(STATES, "the job ")
"The subject of a clause on a state that stands behind others."


def head(causes: list[Cause], style: Style) -> str:
    """Writes the worst of one app, and what else there is."""
    first, *others = causes
    symptoms = sum(len(one.symptoms) for one in causes)
    same = FOUND_BY["rejected"] if first.kind == "rejected" else None
    incidents = sum(one.kind == "incident" and one.rule != same for one in others)
    in_quarantine = first.kind == "incident" and any(one.kind == "quarantined" for one in others)
    paused = ["paused"] if first.rule == "silence" else []
    shown = ("incident", "late", "stalled", *paused, *(["quarantined"] if in_quarantine else []))
    shown += ("rejected",) if first.rule == FOUND_BY["rejected"] else ()
    rest = [f"{SUBJECT.get(one.kind, '')}{what(one, style)}" for one in others if one.kind not in shown]
    if incidents:
        rest.append(count(incidents, "more incident"))
    main = incident_clause(first, style, in_quarantine) if first.kind == "incident" else state_clause(first, style)
    explained = f" ({count(symptoms, 'symptom')})" if symptoms else ""
    return "; ".join([f"{main}{explained}{' (snoozed)' if first.is_snoozed else ''}", *rest])


def state_clause(cause: Cause, style: Style) -> str:
    """Writes what an app's own state shows, and since when."""
    colon = ":" if cause.kind in COUNTED else ""
    since = "" if cause.since is None else f" since {instant(cause.since)}"
    if since and cause.kind in COUNTED:
        since = f" (the first{since})"
    return f"{style.name(cause.app_name or '')}{colon} {what(cause, style)}{since}"


def incident_clause(cause: Cause, style: Style, in_quarantine: bool) -> str:
    """Writes an incident and since when, with the app's name as the style marks it."""
    text, app = undated(cause.summary), cause.app_name or ""
    since = "" if cause.since is None else f" since {instant(cause.since)}"
    if not app or not text.startswith((f"{app} ", f"{app}: ")):
        return f"{style.text(text)}{since}"
    rest = text[len(app) :]
    if in_quarantine and " is in quarantine" not in rest:
        rest = f" is in quarantine: it{rest}" if rest.startswith(" ") else f" is in quarantine{rest}"
    return f"{style.name(app)}{style.text(rest)}{since}"


def what(cause: Cause, style: Style) -> str:
    """Writes one cause, to follow the app's name."""
    number = cause.count
    writers: dict[str, Callable[[], str]] = {
        "quarantined": lambda: f"is in quarantine ({style.text(cause.summary)})",
        "inferred": lambda: "is probably in quarantine",
        "disabled": lambda: "is disabled",
        "paused": lambda: "is paused",
        "dead": lambda: "has missed several cycles",
        "stalled": lambda: "has stalled in a cycle",
        "late": lambda: "has missed a cycle",
        "mostly_failing": lambda: f"failed {number:,} of {cause.summary} attempts of the last day",
        "failing": lambda: f"{people(number, cause.groups)} {'is' if number == 1 else 'are'} failing",
        "leavers": lambda: count(number, "leaver still has an account", "leavers still have an account"),
        "in_use": lambda: count(number, "leaver may still have access", "leavers may still have access"),
        "staged": lambda: count(number, "deletion is held back", "deletions are held back"),
        "rejected": lambda: (
            f"the app rejected {count(number, 'change that Entra reports', 'changes that Entra reports')} as successful"
        ),
        "incident": lambda: style.text(undated(cause.summary)),
    }
    return writers[cause.kind]()


STEPS = {
    "quarantined": "follow the recovery checklist on the app's page.",
    "inferred": "collect the job status, then open the app's page.",
    "disabled": "restart provisioning in Entra unless it was disabled on purpose; a restart triggers an initial cycle.",
    "paused": "start provisioning in Entra, unless it was paused on purpose.",
    "dead": "open the app's Provisioning page in Entra; its Cycles tab here shows the missed cycles.",
    "stalled": "open the app's Provisioning page in Entra; its Cycles tab here shows where it stopped.",
    "late": "wait for the next cycle; the app's Cycles tab shows when it was due.",
    "mostly_failing": "open Issues for the most frequent cause.",
    "failing": "open People with the state Failing, or Issues for the causes.",
    "leavers": "open Leavers, and disable the accounts that should have no access in the app by hand.",
    "in_use": "open Leavers, and disable the accounts that should have no access in the app by hand.",
    "rejected": "open People with the status Rejected by app, fix what the app rejects, then provision on demand.",
    "staged": "allow or reject the deletions on the app's Provisioning page in Entra.",
}


def next_step(cause: Cause, style: Style = PLAIN) -> str:
    """Writes what to do first about a cause."""
    rule = rules().get(cause.rule)
    if cause.kind != "incident":
        return STEPS[cause.kind]
    return style.text(cause.remedy or rule.do) if rule else "open the incident."


def running(verdict: Verdict, style: Style) -> str:
    """Writes which initial cycles are running."""
    jobs = [
        f"{style.name(job.app_name)}" + (f" since {instant(job.since)}" if job.since else "") for job in verdict.running
    ]
    return f"{'An initial cycle is' if len(jobs) == 1 else 'Initial cycles are'} running: {', '.join(jobs)}."


def calm(verdict: Verdict) -> str:
    """Writes what was checked and is in order."""
    apps = count(verdict.apps, "app")
    return {
        "all": f"No open incidents and no failing users in {apps}.",
        "cycles": f"No missed or stalled cycle in {apps}.",
        "quarantine": f"No app is in quarantine ({apps}).",
        "leavers": f"No pending removals in {apps}.",
        "incidents": f"No open incidents in {apps}.",
    }[verdict.about] + f" {checked(verdict)}"


def checked(verdict: Verdict) -> str:
    """Writes as of when that holds, and which checks were left out."""
    left_out = (
        f" {count(len(verdict.skipped), 'rule has', 'rules have')} nothing to check."
        if verdict.skipped and verdict.about in ("all", "quarantine", "incidents")
        else ""
    )
    return f"Checked {instant(verdict.checked_at or verdict.at)}.{left_out}"


def missing_sentences(verdict: Verdict, style: Style) -> list[str]:
    """Writes what is missing; where nothing else is the matter, also how to get it, each remedy once."""
    if not verdict.missing:
        return []
    if verdict.state != "unknown":
        return [f"Unknown: {gaps(verdict, style)}."]
    remedies = dict.fromkeys(how for one in verdict.missing if (how := REMEDIES[one.kind]))
    return [unknown_sentence(verdict, style), *remedies]


def unknown_sentence(verdict: Verdict, style: Style = PLAIN) -> str:
    """Writes what is unknown of a subject, whatever else is the matter; empty where nothing is missing."""
    return f"{UNKNOWN[verdict.about]}: {gaps(verdict, style)}." if verdict.missing else ""


def gaps(verdict: Verdict, style: Style) -> str:
    """Writes everything that is missing."""
    return "; ".join(lacking(one, style) for one in verdict.missing)


UNKNOWN = {
    "all": "Status unknown",
    "cycles": "Cycle status unknown",
    "quarantine": "Quarantine status unknown",
    "leavers": "Unknown whether all leavers are removed",
    "incidents": "Unknown whether anything is wrong",
}
LOGS = "Connect Microsoft Graph or load the missing logs under Data sources."
STATUS = "Collect the job status: `python -m pipeline poll`, or load the job documents."
CHECK = "Evaluate the rules: `python -m pipeline check`."
REMEDIES = {
    "empty": LOGS,
    "no_jobs": LOGS,
    "old_data": "Load newer logs, or start `python -m pipeline watch`.",
    "no_status": STATUS,
    "old_status": STATUS,
    "running_before": STATUS,
    "never_run": "Start provisioning in Entra.",
    "replaced": "See the newer job of the app.",
    "no_events": LOGS,
    "gap": LOGS,
    "unlogged_errors": "Load the complete logs: a filtered export lacks failures, as does one that begins later.",
    "not_removing": "The app's page shows how to get it running again.",
    "rules_never": CHECK,
    "rules_old": CHECK,
    "rules_new": CHECK,
    "rules_failed": "Alert rules shows why.",
    "rules_unanswered": "",
}


def lacking(one: Missing, style: Style) -> str:
    """Writes what is missing, of which apps, and since when."""
    names = named(one.names, style)
    writers: dict[str, Callable[[], str]] = {
        "empty": lambda: "there is no data",
        "no_jobs": lambda: "no provisioning logs and no job status are loaded",
        "old_data": lambda: f"the data ends {dated(one.since)}",
        "no_status": lambda: f"no job status of {names}",
        "old_status": lambda: f"no recent job status of {each_since(one, style, ' (newest ', ')')}",
        "running_before": lambda: (
            f"whether the initial cycle of {each_since(one, style, ' (last status ', ')')} is still running"
        ),
        "never_run": lambda: f"{names} has not completed a cycle yet",
        "replaced": lambda: f"a newer job of the same app has replaced that of {each_since(one, style)}",
        "no_events": lambda: f"no provisioning logs of {names}",
        "gap": lambda: f"provisioning logs are missing or incomplete for {each_since(one, style)}",
        "unlogged_errors": lambda: f"Entra counts more users and groups in error than the logs of {names} show",
        "not_removing": lambda: f"users are not removed from {each_since(one, style)} (in quarantine or stopped)",
        "rules_never": lambda: "the alert rules were never evaluated",
        "rules_old": lambda: f"the alert rules were last evaluated as of {instant(one.since)}, and there is newer data",
        "rules_new": lambda: f"{count(len(one.names), 'alert rule was', 'alert rules were')} never evaluated",
        "rules_failed": lambda: f"{rules_of(one)} could not run",
        "rules_unanswered": lambda: unchecked_text(len(one.names)),
    }
    return writers[one.kind]()


def unchecked_text(amount: int) -> str:
    """Writes how many alert rules could not check every app, in the one wording that there is for it."""
    return f"{amount:,} of {count(len(rules()), 'alert rule')} could not check every app"


def each_since(one: Missing, style: Style, before: str = " since ", after: str = "") -> str:
    """Names apps, each with since when; those of one instant together.

    >>> each_since(Missing("gap", ("A", "B", "C"), sinces=(None, datetime(2026, 1, 2), None)), PLAIN)
    'A and C, B since 2 Jan, 00:00 UTC'
    """
    apart: dict[datetime | None, list[str]] = {}
    for name, since in zip(one.names, one.sinces or [one.since] * len(one.names), strict=True):
        apart.setdefault(since, []).append(name)
    parts = [
        named(tuple(names), style) + (f"{before}{instant(since)}{after}" if since else "")
        for since, names in list(apart.items())[:SHOWN]
    ]
    rest = sum(len(names) for names in list(apart.values())[SHOWN:])
    return ", ".join([*parts, *([f"{rest} more"] if rest else [])])


def rules_of(one: Missing) -> str:
    """Names rules."""
    more = f" and {len(one.names) - SHOWN} more" if len(one.names) > SHOWN else ""
    names = ", ".join(rules()[name].title if name in rules() else name for name in one.names[:SHOWN])
    return f"{count(len(one.names), 'alert rule')} ({names}{more})"


def named(names: tuple[str, ...], style: Style) -> str:
    """Names apps.

    >>> named(("Cerby", "Zoom", "Cerby"), PLAIN)
    'Cerby (2 jobs) and Zoom'
    """
    jobs = Counter(names)
    shown = [style.name(name) + (f" ({jobs[name]} jobs)" if jobs[name] > 1 else "") for name in list(jobs)[:SHOWN]]
    rest = [f"{len(jobs) - SHOWN} more"] if len(jobs) > SHOWN else []
    *first, last = [*shown, *rest] or [""]
    return f"{', '.join(first)} and {last}" if first else last
