"""The evidence pack of one app and period: questions, their rows, how well the period is known, and a summary.

Nothing in it depends on the clock: two packs of the same revision of the store are the same bytes. Only what the ledger
calls complete may call itself so; the summary of anything less says what is missing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from pipeline.config.errors import InvalidRequest
from pipeline.evidence.seal import seal
from pipeline.evidence.summary import summary
from pipeline.store.catalog import bind, find_query
from pipeline.store.export import spelled, write_csv
from pipeline.store.lake import Store
from pipeline.store.migrate import schema_version
from pipeline.store.present import newest_instant

VERSION = "1"
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
Row = dict[str, Any]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Job:
    """A job of the app, and what its questions answered."""

    job_id: str
    app_id: str | None
    folder: str


def jobs_of(store: Store, app: str) -> tuple[str, list[Job]]:
    """Gives an app's name as stored and its jobs; an unknown one is refused with the nearest that is known.

    An app is known by its name in any case, or by a job's id.
    """
    rows = store.rows(APPS)
    found = [(name, job, app_id) for name, job, app_id in rows if app.lower() in (str(name).lower(), job.lower())]
    if not found:
        names = sorted({str(name) for name, _, _ in rows if name})
        near = get_close_matches(app.lower(), [name.lower() for name in names], 1)
        asked = next((f"; did you mean {name}?" for name in names if near and name.lower() == near[0]), "")
        known = f" Known are: {', '.join(names)}." if names and not asked else ""
        none = " The store holds no app yet." if not names else ""
        raise InvalidRequest(f"No app in the store is called '{app}'{asked or '.'}{known}{none}")
    jobs = [Job(job, app_id, f"job-{place}") for place, (_, job, app_id) in enumerate(found, 1)]
    return str(found[0][0] or app), jobs


def make(store: Store, app: str, since: datetime, until: datetime, target: Path, progress: Progress) -> dict[str, Any]:
    """Writes the pack of one app and period; gives what its manifest says of it, with the seal."""
    name, jobs = jobs_of(store, app)
    newest = newest_instant(store)
    about = {
        "form": f"provisioning evidence {VERSION}",
        "program": program_version(),
        "schema": schema_version(),
        "app": name,
        "jobs": [job.job_id for job in jobs],
        "since": spelled(since),
        "until": spelled(until),
        "as_of": spelled(min(until, newest or until)),
        "revision": store.revision(),
    }
    with TemporaryDirectory(dir=target.parent, prefix=".evidence-") as made:
        folder = Path(made)
        files, answers = gather(store, jobs, {"since": since, "until": until, "as_of": min(until, newest or until)},
                                folder, lambda share: progress(share * 0.8))  # fmt: skip
        write(folder, "parameters.json", json.dumps(about, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        write(folder, "README.md", summary(about, answers))
        known = {name: verdict(answers, name) for name in ("events", "exchanges")}
        names = ["README.md", "parameters.json", *files]
        sealed = seal(folder, names, {**about, "known": known}, target, lambda share: progress(0.8 + share * 0.2))
    return {**about, "known": known, "seal": sealed, "files": len(names), "rows": sum(map(rows_in, answers))}


def rows_in(answers: Mapping[str, pa.Table]) -> int:
    """Counts the rows of one job's answers."""
    return sum(answer.num_rows for answer in answers.values())


def program_version() -> str:
    """Gives the program's version, which stands in pyproject.toml alone."""
    import tomllib

    file = Path(__file__).parents[2] / "pyproject.toml"
    return str(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["version"]) if file.exists() else "unknown"


def gather(
    store: Store, jobs: list[Job], window: Mapping[str, datetime], folder: Path, progress: Progress
) -> tuple[list[str], list[dict[str, pa.Table]]]:
    """Asks every question of every job, and writes its SQL once and its rows for each; gives files and answers."""
    files = [write(folder, f"questions/{name}.sql", find_query(name).sql) for name in QUESTIONS]
    answers: list[dict[str, pa.Table]] = []
    for place, job in enumerate(jobs):
        told: dict[str, pa.Table] = {}
        for at, name in enumerate(QUESTIONS):
            told[name] = answer(store, name, {**window, "job": job.job_id, "app": job.app_id or "", "limit": ALL})
            files.append(write_rows(folder, f"{job.folder}/{name}.csv", told[name]))
            progress((place + (at + 1) / len(QUESTIONS)) / len(jobs))
        answers.append(told)
    return files, answers


def answer(store: Store, name: str, given: Mapping[str, Any]) -> pa.Table:
    """Answers a question with those of the values that it has parameters for."""
    query = find_query(name)
    known = {parameter.name for parameter in query.parameters}
    return store.fetch(query.sql, bind(query, {key: value for key, value in given.items() if key in known}))


def write(folder: Path, name: str, text: str) -> str:
    """Writes a text of the pack and gives its name."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return name


def write_rows(folder: Path, name: str, rows: pa.Table) -> str:
    """Writes an answer as CSV and gives its file's name."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", encoding="utf-8", newline="") as out:
        write_csv(rows, out)
    return name


def verdict(answers: list[dict[str, pa.Table]], side: str) -> str:
    """Says how well the period is known on one side: complete only where every hour of every job is."""
    states = {row["state"] for told in answers for row in told["evidence_hours"].to_pylist() if row["source"] == side}
    return "complete" if states == {"complete"} else "unknown" if states <= {"unknown"} else "partial"
