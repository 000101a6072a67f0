"""Builds messages: the problem, since when, who is affected, the evidence, what to do, and a link to the page.

Plain text for people who read it on a telephone at night: the first line says it all. Instants are naive UTC.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pipeline.config.errors import RulesError
from pipeline.config.wording import address, count, dated, share, span
from pipeline.knowledge.app_profiles import Profile
from pipeline.knowledge.causes import Cause, cause_of
from pipeline.knowledge.remedies import remedies, without_promises
from pipeline.notify.render import render
from pipeline.rules.app_labels import with_label
from pipeline.rules.incidents import Incident
from pipeline.rules.rule import SEVERITIES, Rule, find_rule

OPENED, ESCALATED, CLOSED, PASSED = "opened", "escalated", "closed", "passed"
"An incident began; got worse; is over; is over before a message said that it began."
GROUP, DIGEST, TEST = "group", "digest", "test"
AFFECTED = {
    "leavers": ("leaver", "leavers"),
    "people_hit": ("user or group", "users and groups"),
    "waiting": ("pending retry", "pending retries"),
    "objects": ("user or group", "users and groups"),
}
"Columns of evidence that say how many are affected, leavers first, and how their numbers are read."
NAMES, MOST_NAMES = "people", 10
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?")
LONGEST, MOST_LISTED = 300, 50
REPEATED = (
    "You may have this message already: its sender stopped before it could note that it had gone out. "
    "Both carry the id below."
)


@dataclass(frozen=True)
class Message:
    """One message, and what a receiver may sort it by."""

    message_id: str
    change: str
    "opened, escalated, closed, passed, group, digest or test."
    severity: str
    title: str
    body: str
    app_name: str | None = None
    link: str = ""
    incident_id: str | None = None
    repeated: bool = False
    "Whether it may have gone out before."

    @property
    def text(self) -> str:
        """Returns the body as it is sent, with the id by which receivers know a repeat."""
        parts = [self.body, *([REPEATED] if self.repeated else []), f"Message {self.message_id}"]
        return unlinked("\n\n".join(parts), self.link)

    @property
    def subject(self) -> str:
        """Returns the title as it is sent, in one line."""
        return unlinked(" ".join(self.title.split()))


ADDRESS = re.compile(r"\b(?:[a-z][a-z0-9+.-]*(?P<scheme>://)|www(?P<dot>\.))", re.IGNORECASE)
"What mail and chat programs make a link of."


def unlinked(text: str, own: str = "") -> str:
    """Writes addresses so that no program makes a link of them, but for those of `own`'s server.

    Names and reasons come from logs, in which anybody may write, and a message of ours lends its links our name.

    >>> unlinked("Ada https://login.invalid/ see www.login.invalid, https://dash.example/?a", "https://dash.example/x")
    'Ada https[:]//login.invalid/ see www[.]login.invalid, https://dash.example/?a'
    >>> unlinked("https://dash.example.login.invalid", "https://dash.example/x")
    'https[:]//dash.example.login.invalid'
    """
    server = re.match(r"[^/]+//[^/?#]+", own)
    kept = re.compile(re.escape(server[0]) + r"(?![^/?#\s])", re.IGNORECASE) if server else None

    def broken(found: re.Match[str]) -> str:
        if kept and kept.match(text, found.start()):
            return found[0]
        return found[0].replace("://", "[:]//") if found["scheme"] else f"{found[0][:-1]}[.]"

    return ADDRESS.sub(broken, text)


@dataclass(frozen=True)
class MessageContext:
    """What all messages of one check share."""

    at: datetime
    dashboard_url: str
    job_words: Mapping[str, str]
    "A job's word in the dashboard's addresses, by its id."
    profiles: Sequence[Profile] = ()
    "What is known of the apps."
    labels: Mapping[str, str] = field(default_factory=dict)
    "The names of jobs that share their app's name, by their id."
    stops: Mapping[str, str] = field(default_factory=dict)
    "What keeps Entra from retrying in a job, by its id."

    def label_of(self, incident: Incident) -> str | None:
        """Returns what tells an incident's job from others of its app's name; None where none has it."""
        return self.labels.get(incident.job_id or "")


def title_of(incident: Incident, change: str, at: datetime, label: str | None = None) -> str:
    """Returns the subject: the state first, then the problem, and the app where the sentence does not name it."""
    problem = problem_of(incident, label)
    lasted = span(at - incident.opened_at)
    return {
        OPENED: f"{incident.severity.capitalize()}: {problem}",
        ESCALATED: f"Now {incident.severity}: {problem}",
        CLOSED: f"Resolved: {problem} (lasted {lasted})",
        PASSED: f"Opened and resolved: {problem} (lasted {lasted})",
    }[change]


def problem_of(incident: Incident, label: str | None = None) -> str:
    """Returns an incident's sentence, behind the app where it does not name it; `label` is that of a shared name."""
    app, problem = incident.app_name, " ".join(incident.summary.split())
    if app and label:
        app, problem = label, with_label(problem, app, label)
    return f"{app}: {problem}" if app and app.lower() not in problem.lower() else problem


def body_of(incident: Incident, change: str, context: MessageContext, symptoms: Sequence[Incident] = ()) -> str:
    """Returns the text, with what the incident explains; of what is over it is brief."""
    over = change in (CLOSED, PASSED)
    evidence = json.loads(incident.evidence or "{}")
    affected = affected_of([evidence, *(json.loads(one.evidence or "{}") for one in symptoms)])
    late = incident.noticed_at - incident.opened_at
    rule, cause = rule_of(incident), cause_of_incident(incident, evidence)
    stop, label = context.stops.get(incident.job_id or ""), context.label_of(incident)
    return render(
        "incident.txt.j2",
        incident=incident,
        summary=with_label(" ".join(incident.summary.split()), incident.app_name, label),
        over=over,
        at=context.at,
        app=label or incident.app_name,
        symptoms=[symptom_line(one, context.label_of(one)) for one in symptoms[:MOST_LISTED]],
        more=max(0, len(symptoms) - MOST_LISTED),
        late=late if late >= timedelta(minutes=1) else None,
        numbers=affected_numbers(affected),
        names=affected_names(affected),
        evidence=evidence_lines(evidence),
        cause=cause,
        meaning=(without_promises(cause.meaning) if stop else cause.meaning) if cause else "",
        steps=remedies(cause.steps, context.profiles, incident.app_name, stop) if cause else [],
        advice=" ".join(remedies([rule.do], context.profiles, incident.app_name, stop)) if rule else "",
        link=link_of(incident, over, context),
    )


def cause_of_incident(incident: Incident, evidence: Mapping[str, Any]) -> Cause | None:
    """Returns what the error that an incident's evidence holds is known as."""
    cause = cause_of({**evidence, "job_id": incident.job_id}) if evidence.get("error_code") else None
    return None if cause is None or cause.owner == "nobody" else cause


def symptom_line(symptom: Incident, label: str | None = None) -> str:
    """Writes one thing that an incident explains, and since when.

    Where the sentence does not name the app it stands first, as in a subject.
    """
    return f"{problem_of(symptom, label)} (since {dated(symptom.opened_at)})"


def affected_of(evidence: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns who is affected by an incident and its symptoms: of each column the most that one of them names.

    >>> affected_of([{"leavers": 0, "refusals": 9}, {"leavers": 2, "people": ["eve", "mallory"]}, {"leavers": 1}])
    {'leavers': 2, 'people': ['eve', 'mallory']}
    """
    affected: dict[str, Any] = {}
    for facts in evidence:
        for name in (*AFFECTED, NAMES):
            if name in facts and how_many(facts[name]) > how_many(affected.get(name)):
                affected[name] = facts[name]
    return affected


def affected_numbers(evidence: Mapping[str, Any]) -> str:
    """Counts those affected, leavers first.

    >>> affected_numbers({"waiting": 12, "leavers": 1, "people": ["ada@example.com"]})
    '1 leaver, 12 pending retries'
    """
    numbers = [(name, how_many(evidence.get(name))) for name in AFFECTED]
    return ", ".join(count(number, *AFFECTED[name]) for name, number in numbers if number)


def affected_names(evidence: Mapping[str, Any]) -> str:
    """Names some of those affected, leavers first.

    >>> affected_names({"leavers": ["eve"], "people": [f"p{number}" for number in range(12)]})
    'eve, p0, p1, p2, p3, p4, p5, p6, p7, p8 and 3 more'
    """
    names = [name for column in ("leavers", NAMES) for name in names_in(evidence.get(column))]
    shown = list(dict.fromkeys(names))
    rest = f" and {len(shown) - MOST_NAMES} more" if len(shown) > MOST_NAMES else ""
    return ", ".join(shown[:MOST_NAMES]) + rest


def how_many(seen: object) -> int:
    """Counts people, whether evidence counts or lists them."""
    return len(seen) if isinstance(seen, list) else int(seen) if isinstance(seen, int | float) else 0


def names_in(seen: object) -> list[str]:
    """Returns the names that evidence lists."""
    rows = seen if isinstance(seen, list) else []
    return [str(row.get("name") or row.get("upn")) if isinstance(row, dict) else str(row) for row in rows if row]


def evidence_lines(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the other columns of the rule's row with their values; what it leaves empty is left out."""
    shown_above = {*AFFECTED, NAMES, "severity"}
    return [
        (name.replace("_", " "), evidence_text(name, seen))
        for name, seen in evidence.items()
        if name not in shown_above and seen not in (None, "", [])
    ]


def evidence_text(name: str, seen: object) -> str:
    """Writes one value of evidence on one line; the column's name says which number is a share.

    >>> evidence_text("usual_share", 0.41234), evidence_text("before", 12), evidence_text("regressed", True)
    ('41.2%', '12', 'yes')
    """
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    if isinstance(seen, int | float) and (name == "share" or name.endswith("_share")):
        return share(seen)
    if isinstance(seen, float):
        return f"{seen:,.3g}" if abs(seen) < 1000 else f"{seen:,.0f}"
    if isinstance(seen, list):
        more = f" and {len(seen) - 5} more" if len(seen) > 5 else ""
        return ", ".join(evidence_text(name, one) for one in seen[:5]) + more
    text = " ".join(str(seen).split())
    if INSTANT.fullmatch(text):
        return dated(datetime.fromisoformat(text))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def link_of(incident: Incident, over: bool, context: MessageContext) -> str:
    """Returns the incident's permalink, with its time range and app for the page behind it; empty if none is set."""
    if not context.dashboard_url:
        return ""
    since = incident.opened_at.replace(minute=0, second=0, microsecond=0)
    until = context.at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    words = {
        "incident": incident.incident_id,
        "since": address(since - (timedelta(0) if over else timedelta(hours=24))),
        "until": address(until),
    }
    job = context.job_words.get(incident.job_id or "")
    return f"{context.dashboard_url}/issues?{urlencode(words | ({'job': job} if job else {}), safe=':')}"


def job_words(jobs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Returns each job's word in an address: its app's name, and the end of its id where two share one.

    >>> job_words([("a.1234567", "Cerby"), ("b.7654321", "Cerby"), ("c.1", "Zoom")])
    {'a.1234567': 'Cerby 234567', 'b.7654321': 'Cerby 654321', 'c.1': 'Zoom'}
    """
    rows = list(jobs)
    times = Counter(app for _, app in rows)
    return {job: f"{app} {job[-6:]}" if times[app] > 1 else app for job, app in rows}


def grouped(message_id: str, messages: Sequence[Message]) -> Message:
    """Combines many messages into one: the most severe first, what is over last."""
    ordered = sorted(messages, key=lambda one: (one.change in (CLOSED, PASSED), -SEVERITIES.index(one.severity)))
    over = sum(one.change in (CLOSED, PASSED) for one in ordered)
    apps = sorted({one.app_name for one in ordered if one.app_name})
    counts = [f"{len(ordered) - over} open" if over < len(ordered) else "", f"{over} resolved" if over else ""]
    title = f"{len(ordered)} changes: {', '.join(one for one in counts if one)}"
    title += f" ({', '.join(apps)})" if apps else ""
    body = render("group.txt.j2", messages=ordered, most=MOST_LISTED)
    worst = max((one.severity for one in ordered), key=SEVERITIES.index)
    repeated = any(one.repeated for one in ordered)
    return Message(message_id, GROUP, worst, title, body, repeated=repeated, link=ordered[0].link)


def trial(message_id: str, route: str, at: datetime, dashboard_url: str) -> Message:
    """Builds the message that a person sends to see whether a route works."""
    body = render("test.txt.j2", route=route, at=at, dashboard_url=dashboard_url)
    return Message(message_id, TEST, "info", f"Test of the route {route}", body, link=dashboard_url)


def rule_of(incident: Incident) -> Rule | None:
    """Returns the rule of an incident; None when its file is gone."""
    try:
        return find_rule(incident.rule)
    except RulesError:
        return None
