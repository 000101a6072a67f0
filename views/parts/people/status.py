"""The status of one user or group in one app, in words: what happened, why, and what to do."""

import re

from pipeline.config.wording import instant, is_missing
from pipeline.knowledge.causes import Cause, cause_of
from pipeline.knowledge.quarantine_reasons import reason_in_words
from pipeline.rules.verdict import Facts, JobFacts
from views.frame.data import Row
from views.frame.look import COLOURS, look, plain, plain_name
from views.frame.verdict import blind_spot, job_facts, status_now, unknown_since
from views.parts.shared.remedies import meaning_in, steps_in, stop_word
from views.parts.shared.retries import is_overdue, retries_ended, since_when

EXPECTED = ("NotEffectivelyEntitled", "out of scope")
"Skip reasons of objects that are not meant to be in the app."
FAILED_TO = {
    "create": "Not provisioned to",
    "update": "Changes not applied in",
    "disable": "Still active in",
    "delete": "Not deleted from",
    "stagedDelete": "Not deleted from",
}
"How a failure reads, by what was to be done."
GONE = ("disabled", "deleted")
"Accounts that are not in use."
STAGES = {
    "import": "Import",
    "scoping": "Scope",
    "matching": "Match",
    "processing": "Processing",
    "referenceResolution": "References",
    "export": "Export",
}
"The types of steps in the order in which Entra takes them, as a person reads them."
LONGEST = 200
ORDER = {"failing": 0, "skipped": 1}
REJECTED_STEPS = (
    "Read the app's answer under SCIM traffic, and fix what it rejects.",
    "Provision the user or group on demand in Entra.",
)


def action_label(action: object) -> str:
    """Returns an action as people read it.

    >>> action_label("stagedDelete"), action_label("create")
    ('Staged delete', 'Create')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(action)).capitalize()


def cause_in(row: Row) -> Cause | None:
    """Returns the documented cause of a failure or skip."""
    names = ("open_error_code", "skip_reason", "http_status", "scim_type", "reason", "action", "job_id")
    known = {name: row[name] for name in names if not is_missing(row.get(name))}
    return cause_of({**known, "code": known.get("open_error_code") or known.get("skip_reason")})


def word_of(row: Row) -> str:
    """Returns the word of a row's status: a skip of who is not meant to be in the app is out of scope."""
    state = str(row["state"])
    return "out of scope" if state == "skipped" and row.get("skip_reason") in EXPECTED else state


def reason_of(row: Row) -> str | None:
    """Writes in a few words why somebody is failing or skipped; None where nothing is wrong.

    >>> reason_of({"state": "failing", "open_error_code": "DuplicateTargetEntries", "job_id": "scim.1"})
    'Several accounts in the app match one user'
    >>> reason_of({"state": "in_sync", "job_id": "scim.1"}) is None
    True
    """
    if row["state"] == "rejected":
        return f"Entra reports success; the app answered {int(row['http_status'])}"
    if row["state"] == "unknown" and not is_missing(row.get("taken_over_at")):
        return f"Handled by a newer job since {instant(row['taken_over_at'])}"
    if row["state"] == "unknown" and not is_missing(row.get("status_word")):
        return f"Undocumented status: {row['status_word']}"
    if row["state"] not in ORDER:
        return None
    cause = cause_in(row)
    if cause:
        return cause.title
    if row.get("skip_reason") in EXPECTED:
        return "Out of scope"
    given = (row.get("open_error_code"), row.get("skip_reason"), row.get("reason"))
    return next((str(one) for one in given if not is_missing(one)), "The log gives no reason")


def shown_word(row: Row, facts: Facts | None = None) -> str:
    """Returns the word of a row's status as every list, chip and sentence shows it."""
    return status_now(row["job_id"], word_of(row), facts)


def chip(row: Row) -> str:
    """Writes the status as a chip; grey where it is not known any more."""
    seen = look(shown_word(row))
    return f":{COLOURS[seen.tone]}-badge[{seen.icon} {seen.label}]"


def headline(row: Row) -> str:
    """Writes what the status in an app is, with since when, and why."""
    app = plain_name(row["app_name"])
    if row["state"] == "failing" and row.get("action") == "disable" and row.get("account") in GONE:
        done = f"{str(row['account']).capitalize()} in {app}"
        text = f"**{done}; a later disable has failed since {since_when(row)}.** {why(row)}"
    elif row["state"] == "failing":
        text = f"**{FAILED_TO.get(str(row.get('action')), 'Failing in')} {app} since {since_when(row)}.** {why(row)}"
    elif row["state"] == "skipped" and row.get("skip_reason") in EXPECTED:
        seen = instant(row["last_event_at"])
        text = f"**Out of scope of {app}** (last evaluated {seen}); no action needed if that is intended."
    elif row["state"] == "skipped":
        text = f"**Skipped in {app} on {instant(row['last_event_at'])}.** {why(row)}"
    elif row["state"] == "rejected":
        text = f"**Rejected by {app} on {instant(row['since'])}.** {rejection(row)}"
    elif row["state"] == "unknown":
        text = f"**Status in {app} unknown.** {undecided(row)}"
    else:
        text = settled_text(row, app)
    return text.strip()


def rejection(row: Row) -> str:
    """Writes what the app rejected although Entra reports it as successful."""
    return (
        f"Entra reports the {action_label(row['action']).lower()} as successful, and the app's own log answers its "
        f"{plain(str(row['method']))} request with {int(row['http_status'])}; no later request for it succeeded. Entra "
        "does not send it again by itself."
    )


def undecided(row: Row) -> str:
    """Writes why a status is not decided."""
    if not is_missing(row.get("taken_over_at")):
        since = instant(row["taken_over_at"])
        return (
            f"What failed in this job has been handled by a newer job of the app since {since}; see its status there."
        )
    if is_missing(row.get("status_word")):
        return "No event in the log shows whether it has an account there."
    return f"The newest event has the status `{in_code(row['status_word'])}`, which is not documented."


def unknown_statuses(rows: list[Row]) -> str:
    """Writes in which apps the present status is unknown, since when and why; empty where it is known in all."""
    gaps = [(row, blind_spot(str(row["job_id"]))) for row in rows]
    parts = [f"{plain_name(row['app_name'])} {unknown_since(gap)}" for row, gap in gaps if gap is not None]
    return f"Present status: {'; '.join(parts)}." if parts else ""


def settled_text(row: Row, app: str) -> str:
    """Writes a status in which nothing is wrong, with the time of the last success."""
    last = instant(row["last_success_at"])
    if shown_word(row) == "was_in_sync":
        return f"**Was in sync with {app}**; last success {last}."
    return {
        "in_sync": f"**In sync with {app}**; last success {last}.",
        "disabled": f"**Disabled in {app}**; last change {last}.",
        "deleted": f"**Deleted from {app}**; last change {last}.",
    }.get(str(row["state"]), f"**{look(str(row['state'])).label} in {app}**; last success {last}.")


def why(row: Row) -> str:
    """Writes the reason as far as it is documented, else in the log's own words."""
    cause = cause_in(row)
    if cause:
        return meaning_in(cause, stop_of_retries(row))
    code, skip = row.get("open_error_code"), row.get("skip_reason")
    named = "The log gives no error code."
    if not is_missing(code):
        named = f"The error code `{in_code(code)}` is not documented."
    elif not is_missing(skip):
        named = f"The reason `{in_code(skip)}` is not documented."
    if is_missing(row.get("reason")):
        return named
    text = " ".join(str(row["reason"]).split())
    return f"{named} Message: “{plain(shortened(text))}”"


def shortened(text: str, most: int = LONGEST) -> str:
    """Returns a text cut at a length.

    >>> shortened("abcdef", 4)
    'abcd…'
    """
    return text if len(text) <= most else f"{text[:most]}…"


def steps_of(row: Row) -> list[str]:
    """Returns what to do about a failure or skip."""
    if row["state"] == "rejected":
        return list(REJECTED_STEPS)
    if row["state"] not in ORDER or row.get("skip_reason") in EXPECTED:
        return []
    cause = cause_in(row)
    return steps_in(cause, row["app_name"], stop_of_retries(row)) if cause and cause.owner != "nobody" else []


def stop_of_retries(row: Row) -> str | None:
    """Returns what keeps Entra from trying somebody again; None where nothing does."""
    return stop_word(row["job_id"], row["state"] == "failing" and retries_ended(row.get("since")) is not None)


STOPS: dict[str, str] = {
    "quarantined": "has been in quarantine",
    "paused": "has been paused",
    "disabled": "is disabled in Entra",
    "dead": "has run no cycle",
    "stalled": "has been stalled in a cycle",
}
"What keeps a job from provisioning anybody, to follow the app's name."


def stop_of(row: Row) -> JobFacts | None:
    """Returns the facts of the row's job where it provisions nobody; None where it runs, or that is unknown."""
    job = job_facts(str(row["job_id"]))
    return job if job is not None and (job.state in STOPS or job.inferred_since is not None) else None


def stop_sentence(row: Row) -> str:
    """Writes that nothing is provisioned to the row's app, since when and why; empty where the job runs."""
    job, app = stop_of(row), plain_name(row["app_name"])
    if job is None:
        return ""
    if job.state not in STOPS:
        since = f" since {instant(job.inferred_since)}"
        return f"**{app} is probably in quarantine{since}**: nothing is provisioned until that is fixed."
    since = f" since {instant(job.since)}" if job.since and job.state != "disabled" else ""
    why = ""
    if job.state == "quarantined":
        why = f" ({plain(reason_in_words(job.reason, job.error_code, job.job_id))})"
    ends = "it is started again" if job.state in ("paused", "disabled") else "that is fixed"
    return f"**{app} {STOPS[job.state]}{since}**{why}: nothing is provisioned until {ends}."


def next_retry(row: Row) -> str:
    """Writes when Entra tries again, or that it does not any more; empty where nothing is pending."""
    if row["state"] != "failing":
        return ""
    if stop_of_retries(row) == "replaced":
        return f"A newer job of {plain_name(row['app_name'])} has replaced this one, which retries nothing any more."
    stop = stop_of(row)
    if stop is not None and not retries_ended(row["since"]):
        again = "has left quarantine" if stop.state not in STOPS or stop.state == "quarantined" else "runs again"
        return f"Entra tries again once {plain_name(row['app_name'])} {again}."
    if ended := retries_ended(row["since"]):
        return f"Retries ended on {instant(ended)}; Entra tries again only when the user or group changes."
    if is_missing(row["retry_at"]):
        return "When Entra tries again is unknown."
    if is_overdue(row["retry_at"]):
        return f"A retry was due on {instant(row['retry_at'])}; the log has no attempt since."
    return f"Entra tries again on {instant(row['retry_at'])}."


def in_code(text: object) -> str:
    """Escapes text for use between backticks."""
    return re.sub(r"\s+", " ", str(text).replace("`", "'"))
