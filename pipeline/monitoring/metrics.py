"""Writes the metrics as Prometheus reads them: text, exposition format 0.0.4.

It only reads. Ages are counted to the shown clock, background jobs' to this machine's; states are those of the pages.
A series that could be zero is written as zero, so that an alert can tell zero from no answer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pipeline.config.clock import naive, now
from pipeline.notify.outbox import GIVEN_UP, MERGED, SENDING, SENT, WAITING
from pipeline.rules.rule import rules
from pipeline.rules.verdict import STATES as VERDICTS
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.store.lake import Store
from pipeline.store.leader import current_leader
from pipeline.store.present import as_of

TYPE = "text/plain; version=0.0.4; charset=utf-8"
RHYTHMS = (
    "on_time",
    "running",
    "late",
    "dead",
    "stalled",
    "paused",
    "disabled",
    "quarantined",
    "never_run",
    "unknown",
)
STATES = (WAITING, SENDING, SENT, MERGED, GIVEN_UP)
JOBS = """
    select
        r.job_id,
        r.app_name,
        r.rhythm,
        r.last_good_at,
        if(r.rhythm = 'quarantined', r.next_attempt_at, r.due_at) as due_at,
        e.last_event_at
    from rhythms($at::timestamp, $grace) r
    left join (select job_id, max(ended_at) as last_event_at from cycle_parts group by job_id) e using (job_id)
    order by r.job_id"""
ESCROWS = """
    select job_id, is_reference, count(*) as objects
    from waiting_escrows
    group by job_id, is_reference"""
INCIDENTS = """
    select rule, severity, count(*) filter (where explained_by is null) as incidents,
        count(*) filter (where explained_by is not null) as symptoms
    from incidents
    where closed_at is null
    group by rule, severity"""
FILES = """
    select count("size") as files, coalesce(sum(lines), 0) as lines, coalesce(sum(rejects), 0) as rejects
    from (from files union all by name from replaced_files)"""
BACKGROUND_JOBS = "select job, began_at, ended_at, outcome from background_jobs order by job"
OUTBOX = "select state, count(*) as messages from outbox group by state"
CONTACTS = "select tenant, feed, outcome, failures, reached_at from contacts order by tenant, feed"


@dataclass
class Family:
    """One metric with its samples; a sample that is None is left out, since it is not known."""

    name: str
    help: str
    kind: Literal["gauge", "counter"] = "gauge"
    samples: list[tuple[Mapping[str, str], float | None]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> None:
        """Adds a sample."""
        self.samples.append((labels, value))

    def lines(self) -> Iterator[str]:
        """Returns the metric's lines; none where no sample has a value."""
        samples = [(labels, value) for labels, value in self.samples if value is not None]
        if samples:
            yield f"# HELP {self.name} {escaped(self.help)}"
            yield f"# TYPE {self.name} {self.kind}"
        for labels, value in samples:
            pairs = ",".join(f'{name}="{quoted(label)}"' for name, label in labels.items())
            yield f"{self.name}{{{pairs}}} {value:.15g}" if pairs else f"{self.name} {value:.15g}"


def escaped(text: str) -> str:
    r"""Writes a text of more lines on one.

    >>> print(escaped("a\nb"))
    a\nb
    """
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def quoted(text: str) -> str:
    r"""Writes a label's value as the format wants it; a carriage return would end the line for some readers.

    >>> print(quoted('a "b" c'))
    a \"b\" c
    """
    return escaped(text).replace('"', '\\"').replace("\r", " ")


def metrics(store: Store) -> str:
    """Writes every metric; raises StoreError where the store cannot be read."""
    writers = (verdict_metrics, job_metrics, store_metrics, background_job_metrics, contact_metrics)
    made = [family for write in writers for family in write(store)]
    return "".join(f"{line}\n" for family in made for line in family.lines())


def verdict_metrics(store: Store) -> list[Family]:
    """Returns the verdict on everything and on each app's job, as the pages show it."""
    every = Family("provisioning_verdict", "Whether this state is the verdict on everything: 1 for the one that holds.")
    own = Family("provisioning_job_verdict", "Whether this state is the verdict on a job: 1 for the one that holds.")
    facts = read_facts(store)
    overall = verdict(facts).state
    for state in VERDICTS:
        every.add(state == overall, state=state)
    for job in facts.jobs:
        judged = verdict(facts.of([job.job_id], shared=False)).state
        for state in VERDICTS:
            own.add(state == judged, job=job.job_id, app=job.app_name, state=state)
    return [every, own]


def job_metrics(store: Store) -> list[Family]:
    """Returns each job's state, the age of its newest event, when it is due, and its pending retries."""
    state = Family("provisioning_job_state", "Whether a job is in this state: 1 for the one that holds.")
    event = Family("provisioning_job_last_event_age_seconds", "Since the newest event of the job.")
    good = Family("provisioning_job_last_success_age_seconds", "Since the end of the last run without errors.")
    due = Family(
        "provisioning_job_due_timestamp_seconds", "When the next run, or the next try in quarantine, is due; Unix time."
    )
    waiting = Family("provisioning_open_escrows", "Users and groups pending retry.")
    at = naive(now(store.settings))
    judged = {"at": as_of(store), "grace": store.settings.grace}
    pending = {(row["job_id"], bool(row["is_reference"])): row["objects"] for row in store.ask(ESCROWS).to_pylist()}
    for row in store.ask(JOBS, judged).to_pylist():
        labels = {"job": str(row["job_id"]), "app": str(row["app_name"])}
        for rhythm in RHYTHMS:
            state.add(rhythm == row["rhythm"], **labels, state=rhythm)
        event.add(age(row["last_event_at"], at), **labels)
        good.add(age(row["last_good_at"], at), **labels)
        due.add(unix(row["due_at"]), **labels)
        for reference in (False, True):
            objects = pending.get((row["job_id"], reference), 0)
            waiting.add(objects, **labels, is_reference=str(reference).lower())
    return [state, event, good, due, waiting]


def store_metrics(store: Store) -> list[Family]:
    """Returns open incidents, files that were read, and messages by state."""
    open_ = Family("provisioning_incidents_open", "Root causes that last.")
    explained = Family("provisioning_symptoms_open", "Incidents that last and that a root cause explains.")
    counts = {(row["rule"], row["severity"]): row for row in store.ask(INCIDENTS).to_pylist()}
    for rule, severity in sorted({*counts, *((rule.name, rule.severity) for rule in rules().values())}):
        row = counts.get((rule, severity), {"incidents": 0, "symptoms": 0})
        open_.add(row["incidents"], rule=rule, severity=severity)
        explained.add(row["symptoms"], rule=rule, severity=severity)
    outbox = Family("provisioning_outbox_messages", "Messages by what became of them.")
    sent = {str(row["state"]): row["messages"] for row in store.ask(OUTBOX).to_pylist()}
    for state in sorted({*sent, *STATES}):
        outbox.add(sent.get(state, 0), state=state)
    [read] = store.ask(FILES).to_pylist()
    return [
        open_,
        explained,
        outbox,
        Family("provisioning_files", "Files that were read.", samples=[({}, read["files"])]),
        Family("provisioning_lines_total", "Lines that were read.", "counter", [({}, float(read["lines"]))]),
        Family(
            "provisioning_rejects_total", "Lines that no source could read.", "counter", [({}, float(read["rejects"]))]
        ),
        Family("provisioning_revision", "The store's revision.", samples=[({}, store.revision())]),
    ]


def background_job_metrics(store: Store) -> list[Family]:
    """Returns how each background job last ran, and whether a process runs them."""
    took = Family("provisioning_beat_duration_seconds", "How long a background job took when it was last recorded.")
    since = Family(
        "provisioning_beat_age_seconds", "Since the background job last ended; idle runs are recorded once a minute."
    )
    failed = Family("provisioning_beat_failed", "Whether the background job failed when it last ran.")
    at = naive(datetime.now(UTC))
    for row in store.ask(BACKGROUND_JOBS).to_pylist():
        labels = {"beat": str(row["job"])}
        took.add(age(row["began_at"], row["ended_at"]) if row["ended_at"] else None, **labels)
        since.add(age(row["ended_at"], at), **labels)
        failed.add(row["outcome"] == "failed", **labels)
    runs = Family("provisioning_beats_running", "Whether a process holds the lease of the background jobs.")
    runs.add(current_leader(store.settings) is not None)
    return [took, since, failed, runs]


def contact_metrics(store: Store) -> list[Family]:
    """Returns how each tenant's feeds answer."""
    failures = Family("provisioning_contact_failures", "Failures in a row; 0 once the feed has answered.")
    since = Family("provisioning_contact_age_seconds", "Since the feed last answered.")
    at = naive(now(store.settings))
    for row in store.ask(CONTACTS).to_pylist():
        labels = {"tenant": str(row["tenant"]), "feed": str(row["feed"])}
        failures.add(row["failures"] if row["outcome"] == "failed" else 0, **labels)
        since.add(age(row["reached_at"], at), **labels)
    return [failures, since]


def age(since: Any, at: datetime) -> float | None:
    """Returns the seconds from an instant to another, never below zero; None where it is unknown."""
    return None if since is None else max(0.0, (at - since).total_seconds())


def unix(instant: Any) -> float | None:
    """Returns a naive instant of UTC as Unix time."""
    return None if instant is None else instant.replace(tzinfo=UTC).timestamp()
