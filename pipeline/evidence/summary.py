"""Writes the page of an evidence pack that an auditor reads first: request, coverage, who left and who did not."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from pipeline.config.wording import dated, span
from pipeline.evidence.answers import NAMED, JobAnswers, Row

HOUR = timedelta(hours=1)
SIDES = {"events": "Entra (provisioning logs)", "exchanges": "The app (SCIM requests)"}
TRAPS = {
    "trap_unassigned": "unassigned and never disabled",
    "trap_unassigned_deleted": "unassigned, then deleted in Entra: the deletion was never sent to the app",
    "trap_still_active": "disabled successfully, and still shown as active by the app",
    "trap_memberships": "back in the app, or in scope, without the earlier group memberships",
    "trap_null": "an attribute emptied in Entra and still set in the app",
}
Answers = Sequence[JobAnswers]


def rows_of(answers: Answers, name: str) -> list[Row]:
    """Returns the first rows of one question over all jobs."""
    return [row for of_job in answers for row in of_job.rows[name]]


def count_of(answers: Answers, name: str) -> int:
    """Counts the rows of one question over all jobs."""
    return sum(of_job.counts[name] for of_job in answers)


def summary(about: Mapping[str, Any], answers: Answers, gaps: Sequence[str]) -> str:
    """Writes the summary as Markdown; `gaps` say why it is unknown whether there are more leavers."""
    parts = [
        [f"# Evidence: {line(about['app'])}, leavers and their removal", "", *request(about)],
        ["## Data coverage of the period", "", *coverage(answers)],
        ["## Leavers", "", *leavers(answers, gaps)],
        ["## Known gaps in deprovisioning", "", *traps(answers)],
        ["## Entra and the app's log", "", *both_sides(answers)],
        ["## Not included", "", *not_included()],
        ["## Files and how to check them", "", *files(about)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def line(text: object) -> str:
    """Writes text from a log as one line that formats nothing."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in " ".join(str(text).split()))


def request(about: Mapping[str, Any]) -> Iterator[str]:
    """Writes what the pack is about."""
    yield f"- Period: {about['since']} until {about['until']} (end excluded), as of {about['as_of']}"
    yield f"- App: {line(about['app'])}; {'job' if len(about['jobs']) == 1 else 'jobs'}: {', '.join(about['jobs'])}"
    yield (
        f"- Made by Provisioning Observatory {about['program']}, schema {about['schema']}, "
        f"from revision {about['revision']} of the store"
    )


def coverage(answers: Answers) -> Iterator[str]:
    """Writes of each side whether everything is here, or which hours may lack something."""
    for side, words in SIDES.items():
        hours = [row for row in rows_of(answers, "evidence_hours") if row["source"] == side]
        gaps = [row for row in hours if row["state"] != "complete"]
        if not hours:
            yield f"- **{words}: unknown.** No log that was read covers any hour of this period."
        elif not gaps:
            yield f"- **{words}: complete.** Each of the {len(hours):,} hours is covered by what was read."
        else:
            yield f"- **{words}: {coverage_word(gaps, len(hours))}.** {gap_counts(gaps, len(hours))}"
            yield from (f"  - {stretch}" for stretch in stretches(gaps))


def coverage_word(gaps: Sequence[Row], hours: int) -> str:
    """Returns the word for a side of which not everything is here."""
    return "unknown" if len(gaps) == hours and all(row["state"] == "unknown" for row in gaps) else "partial"


def gap_counts(gaps: Sequence[Row], hours: int) -> str:
    """Counts the hours that are not fully known."""
    partial = sum(row["state"] == "partial" for row in gaps)
    return (
        f"Of {hours:,} hours {partial:,} are partial (something may be missing) and {len(gaps) - partial:,} are "
        "unknown (no log that was read covers them):"
    )


def stretches(gaps: Sequence[Row]) -> Iterator[str]:
    """Combines hours of one state that follow each other into one stretch."""
    unique = sorted({(row["state"], row["hour"]) for row in gaps}, key=lambda one: (one[1], one[0]))
    ordered = sorted(unique)
    runs = []
    for (state, _), run in groupby(enumerate(ordered), key=lambda one: (one[1][0], one[1][1] - HOUR * one[0])):
        hours = [hour for _, (_, hour) in run]
        runs.append((hours[0], f"{dated(hours[0])} until {dated(hours[-1] + HOUR)}: {state}"))
    yield from (words for _, words in sorted(runs)[:NAMED])
    if len(runs) > NAMED:
        yield f"and {len(runs) - NAMED:,} more stretches; see evidence_hours.csv"


def leavers(answers: Answers, gaps: Sequence[str]) -> Iterator[str]:
    """Writes how many were to go, how long it took, and who is still there."""
    for row in rows_of(answers, "deprovision_times"):
        half = "(not reached)" if row["p50_s"] is None else span(row["p50_s"])
        most = "(not reached)" if row["p95_s"] is None else span(row["p95_s"])
        yield (
            f"- To {row['kind']}: {row['cases']:,}; done: {row['done']:,}, pending: {row['still_open']:,}, cancelled: "
            f"{row['called_off']:,}. Median: {half}, 95th percentile: {most}, each from the first event that shows the "
            "removal (Kaplan-Meier: accounts that are still there count as such)."
        )
    if not rows_of(answers, "deprovision_times"):
        yield "- No disable or delete of this period was read."
    yield f"- Deletions held back for a decision: {count_of(answers, 'leavers_held'):,}."
    active = count_of(answers, "leavers_active")
    yield f"- Still in use at the end, whenever they were to go: {active:,}."
    yield from (f"- {line(gap)}" for gap in gaps)
    for row in rows_of(answers, "leavers_active")[:NAMED]:
        why = row["error_code"] or row["skip_reason"] or row["status"]
        since, last = dated(row["started_at"]), dated(row["last_event_at"])
        yield f"  - {line(row['name'])}, since {since}, last {last}: {line(why)}"
    if active > NAMED:
        yield f"  - and {active - NAMED:,} more; see leavers_active.csv"


def traps(answers: Answers) -> Iterator[str]:
    """Counts what each trap caught, and names some."""
    for name, words in TRAPS.items():
        caught = count_of(answers, name)
        named = ", ".join(f"{line(row['name'])} since {dated(row['since'])}" for row in rows_of(answers, name)[:5])
        more = f" and {caught - 5:,} more" if caught > 5 else ""
        yield f"- {words[0].upper()}{words[1:]}: {caught:,}" + (f" ({named}{more})" if caught else "") + "."


def both_sides(answers: Answers) -> Iterator[str]:
    """Counts the rows of either side, and those that were matched."""
    events, requests = (count_of(answers, name) for name in ("evidence_events", "evidence_exchanges"))
    matched = sum(of_job.matched for of_job in answers)
    yield f"- {events:,} events of Entra's, {requests:,} requests in the app's own log, {matched:,} matched."
    done, well = sum(of_job.done for of_job in answers), sum(of_job.confirmed() for of_job in answers)
    yield (
        f"- Of {done:,} leavers that Entra reports as removed, the app's log shows the request and a successful answer "
        f"for {well:,}. For the others no such request is stored, possibly because no log of that time is."
    )


def not_included() -> Iterator[str]:
    """Writes what this program cannot have seen."""
    yield "- Dates of leaving: the directory's own log is not stored. Times begin with the first event that shows it."
    yield "- What an account in the app looks like, except where an answer of the app was logged."
    yield "- Secrets: they were removed before anything was stored. Bodies are as stored."


def files(about: Mapping[str, Any]) -> Iterator[str]:
    """Writes what the files are, and how to check that none was changed."""
    yield "- `questions/` holds the SQL of each question; " + ", ".join(
        f"`job-{place}/` its rows for {job}" for place, job in enumerate(about["jobs"], 1)
    )
    yield "- `parameters.json` holds the values that were asked with; NULL is an empty field, instants are UTC"
    yield (
        "- `manifest.json` lists every file with its SHA-256. Its links form a chain: each is the SHA-256 of the link "
        "before, the name and the file's hash, each followed by a line feed; the first follows the SHA-256 of "
        "`provisioning evidence 1`. `packed` is the SHA-256 of what the zip holds of a file behind its header. The "
        "seal is the SHA-256 of the rest of the manifest"
    )
    yield "- `python -m pipeline verify FILE.zip` checks all of it; with `--seal`, also that it is the pack you noted"
