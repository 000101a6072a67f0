"""Makes the evidence pack of one app and period: questions, their rows, how well the period is covered, and a summary.

Answers are streamed into the zip, row by row, so that a long period takes no more memory than a short one; the summary,
which is about them, comes behind them. Nothing in it depends on the clock: two packs of the same revision of the store
are the same bytes. Only what the ledger calls complete may call itself so; the summary of anything less says what is
missing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pipeline.config.errors import UnknownApp
from pipeline.config.wording import iso
from pipeline.evidence.answers import JobAnswers
from pipeline.evidence.seal import Pack, new_pack
from pipeline.evidence.summary import summary
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.rules.verdict_text import unknown_sentence
from pipeline.store.catalog import bind, find_query
from pipeline.store.export import write_csv
from pipeline.store.lake import Store
from pipeline.store.migrate import schema_version
from pipeline.store.present import newest_instant

VERSION = "2"
"Of the pack's form."
LEAVERS = ("leaver_cases", "leavers_active", "leavers_held", "deprovision_times", "deprovision_curve")
TRAPS = ("trap_unassigned", "trap_unassigned_deleted", "trap_still_active", "trap_memberships", "trap_null")
SIDES = ("evidence_events", "evidence_exchanges", "evidence_matches", "evidence_hours")
QUESTIONS = (*LEAVERS, *TRAPS, *SIDES)
ALL = 2**62
"No limit, for questions that have one."
APPS = """
select app_name, job_id, max(app_id)
from (
    select app_name, job_id, app_id from events
    union all
    select app_name, job_id, app_id from job_snapshots
)
where job_id is not null
group by app_name, job_id
order by app_name, job_id
"""
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Job:
    """A job of the app, and what its questions answered."""

    job_id: str
    app_id: str | None
    folder: str


def jobs_of(store: Store, app: str) -> tuple[str, list[Job]]:
    """Returns an app's name as stored and its jobs; raises UnknownApp with the nearest name.

    An app is found by its name in any case, or by a job's id.
    """
    rows = store.rows(APPS)
    matches = [(name, job, app_id) for name, job, app_id in rows if app.lower() in (str(name).lower(), job.lower())]
    if not matches:
        names = sorted({str(name) for name, _, _ in rows if name})
        nearest = get_close_matches(app.lower(), [name.lower() for name in names], 1)
        hint = next((f"; did you mean {name}?" for name in names if nearest and name.lower() == nearest[0]), "")
        listing = f" Known are: {', '.join(names)}." if names and not hint else ""
        none = " The store holds no app yet." if not names else ""
        raise UnknownApp(f"No app in the store is called '{app}'{hint or '.'}{listing}{none}")
    jobs = [Job(job, app_id, f"job-{place}") for place, (_, job, app_id) in enumerate(matches, 1)]
    return str(matches[0][0] or app), jobs


def make(store: Store, app: str, since: datetime, until: datetime, target: Path, progress: Progress) -> dict[str, Any]:
    """Writes the pack of one app and period; returns what its manifest says of it, with the seal."""
    name, jobs = jobs_of(store, app)
    newest = newest_instant(store)
    about = {
        "form": f"provisioning evidence {VERSION}",
        "program": program_version(),
        "schema": schema_version(),
        "app": name,
        "jobs": [job.job_id for job in jobs],
        "since": iso(since),
        "until": iso(until),
        "as_of": iso(min(until, newest or until)),
        "revision": store.revision(),
    }
    with new_pack(target) as pack:
        write(pack, "parameters.json", json.dumps(about, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        window = {"since": since, "until": until, "as_of": min(until, newest or until)}
        answers = gather(store, jobs, window, pack, progress)
        write(pack, "README.md", summary(about, answers, leaver_gaps(store, jobs, window["as_of"], until)))
        coverage = {name: coverage_of(answers, name) for name in ("events", "exchanges")}
        files = len(pack.names)
        sealed = pack.seal({**about, "known": coverage})
    return {**about, "known": coverage, "seal": sealed, "files": files, "rows": sum(one.total() for one in answers)}


def leaver_gaps(store: Store, jobs: list[Job], at: datetime, until: datetime) -> list[str]:
    """Writes why it is unknown, as of the period's end, whether leavers were removed; none where it is known."""
    facts = read_facts(store, at).of([job.job_id for job in jobs], shared=False)
    # A pack of the same store is the same whenever it is made.
    text = unknown_sentence(verdict(replace(facts, now=until, ends_at=at), "leavers"))
    return [text] if text else []


def program_version() -> str:
    """Returns the program's version, which is in pyproject.toml alone."""
    import tomllib

    file = Path(__file__).parents[2] / "pyproject.toml"
    return str(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"]) if file.exists() else "unknown"


def gather(
    store: Store, jobs: list[Job], window: Mapping[str, datetime], pack: Pack, progress: Progress
) -> list[JobAnswers]:
    """Answers every question of every job, and writes its SQL once and its rows for each; returns the answers."""
    for name in QUESTIONS:
        write(pack, f"questions/{name}.sql", find_query(name).sql)
    answers: list[JobAnswers] = []
    for place, job in enumerate(jobs):
        answers.append(JobAnswers())
        for at, name in enumerate(QUESTIONS):
            given = {**window, "job": job.job_id, "app": job.app_id or "", "limit": ALL}
            answer(store, name, given, pack, f"{job.folder}/{name}.csv", answers[-1])
            progress((place + (at + 1) / len(QUESTIONS)) / len(jobs))
    return answers


def answer(store: Store, name: str, given: Mapping[str, Any], pack: Pack, file: str, answers: JobAnswers) -> None:
    """Answers a question with those of the values that it has parameters for, and writes its rows as CSV."""
    query = find_query(name)
    taken = {parameter.name for parameter in query.parameters}
    values = bind(query, {key: value for key, value in given.items() if key in taken})
    with store.stream(query.sql, values) as rows, pack.file(file) as out:
        write_csv(answers.passing(name, rows), out)


def write(pack: Pack, name: str, text: str) -> None:
    """Writes a text of the pack."""
    with pack.file(name) as out:
        out.write(text)


def coverage_of(answers: list[JobAnswers], side: str) -> str:
    """Returns how well the period is covered on one side: complete only where every hour of every job is."""
    hours = [row for of_job in answers for row in of_job.rows["evidence_hours"]]
    states = {row["state"] for row in hours if row["source"] == side}
    return "complete" if states == {"complete"} else "unknown" if states <= {"unknown"} else "partial"
