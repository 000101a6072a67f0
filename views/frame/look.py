"""How each word looks: its label, tone, icon and meaning; and text of a log made harmless in markdown.

Tones are told apart by icon and word as well as by colour, and are legible on light and on dark grounds.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from pipeline.config.wording import is_missing
from pipeline.knowledge.causes import find_cause
from pipeline.knowledge.quarantine_reasons import find_reason

Tone = Literal["good", "bad", "warn", "info", "quiet"]
Colour = Literal["red", "orange", "blue", "green", "gray"]

TONES: dict[Tone, str] = {
    "good": "#1b9e77",
    "bad": "#d9541e",
    "warn": "#d99a00",
    "info": "#3f8fd2",
    "quiet": "#8a8f98",
}
COLOURS: dict[Tone, Colour] = {"good": "green", "bad": "red", "warn": "orange", "info": "blue", "quiet": "gray"}
PALETTE = ("#3f8fd2", "#e69f00", "#1b9e77", "#cc79a7", "#d9541e", "#56b4e9", "#9a8500", "#7d6bc4")


@dataclass(frozen=True)
class Look:
    """What one word of the field looks like."""

    label: str
    tone: Tone
    icon: str
    meaning: str


LOOKS = {
    "quarantine": Look("Quarantine", "bad", ":material/block:", "Entra has put the job in quarantine"),
    "stopped": Look("Stopped", "bad", ":material/stop_circle:", "the job is paused, disabled or not configured"),
    "failing": Look("Failing", "bad", ":material/error:", "the last attempt failed"),
    "waiting": Look("Pending retries", "warn", ":material/schedule:", "users or groups are pending a retry by Entra"),
    "action_needed": Look("Action needed", "bad", ":material/error:", "something needs attention"),
    "unknown": Look("Unknown", "quiet", ":material/question_mark:", "data for a verdict is missing, or old"),
    "idle": Look("Up to date", "good", ":material/check_circle:", "cycles run and find nothing to change"),
    "healthy": Look("Healthy", "good", ":material/check_circle:", "cycles run and nothing is pending"),
    "running": Look("Running", "info", ":material/play_circle:", "a cycle is running"),
    "on_time": Look("Up to date", "good", ":material/check_circle:", "cycles run and find nothing to change"),
    "late": Look("Late", "warn", ":material/schedule:", "the next cycle is overdue"),
    "dead": Look("No cycles", "bad", ":material/event_busy:", "several cycles were due and none ran"),
    "stalled": Look("Stalled", "bad", ":material/hourglass_disabled:", "a cycle is running without progress"),
    "paused": Look("Paused", "quiet", ":material/pause_circle:", "provisioning is paused in Entra"),
    "quarantined": Look("Quarantine", "bad", ":material/block:", "Entra has put the job in quarantine"),
    "watch": Look("Quarantine possible", "warn", ":material/visibility:", "an alert points towards quarantine"),
    "imminent": Look("Quarantine likely", "bad", ":material/warning:", "an alert predicts quarantine soon"),
    "switched_off": Look("Disabled job", "bad", ":material/power_settings_new:", "the job is disabled in Entra"),
    "has_access": Look("Has access", "bad", ":material/lock_open:", "should have been removed and was not"),
    "may_have_access": Look("May have access", "warn", ":material/help:", "removed, or not; the data shows both"),
    "removed": Look("Removed", "good", ":material/check_circle:", "the removal succeeded"),
    "cancelled": Look("Cancelled", "quiet", ":material/undo:", "the removal is no longer needed"),
    "leaver": Look("Leaver", "bad", ":material/person_off:", "a disable or delete that failed"),
    "joiner": Look("New user", "warn", ":material/person_add:", "a create that failed"),
    "outdated": Look("Outdated", "warn", ":material/update:", "an update that failed"),
    "inferred": Look("Inferred", "warn", ":material/question_mark:", "inferred from the logs, without a job status"),
    "done": Look("Done", "good", ":material/check_circle:", "confirmed by data"),
    "not_yet": Look("To do", "warn", ":material/radio_button_unchecked:", "data shows that it is not done"),
    "next": Look("Next", "info", ":material/arrow_forward:", "the first step that is not done"),
    "untold": Look("Not verifiable", "quiet", ":material/help:", "no data confirms or refutes it"),
    "never_run": Look("Never ran", "quiet", ":material/circle:", "no cycle has completed yet"),
    "succeeded": Look("Succeeded", "good", ":material/check_circle:", "every attempt succeeded"),
    "errors": Look("Errors", "warn", ":material/warning:", "some or all attempts failed"),
    "nothing_to_do": Look("No changes", "quiet", ":material/drag_handle:", "nothing had to change"),
    "run failed": Look("Cycle failed", "bad", ":material/error:", "Entra reports that the whole cycle failed"),
    "exported": Look("Exported", "good", ":material/check_circle:", "written to the app"),
    "absent": Look("Not in that cycle", "quiet", ":material/remove:", "that cycle has no event of it"),
    "out of scope": Look("Out of scope", "quiet", ":material/filter_alt_off:", "not meant to be in the app"),
    "nothing to change": Look("Nothing to change", "quiet", ":material/drag_handle:", "both sides match already"),
    "validation": Look("Required attribute missing", "bad", ":material/rule:", "a required value is missing or wrong"),
    "other skip": Look("Other skip", "warn", ":material/skip_next:", "skipped, for a reason that is not documented"),
    "unfamiliar status": Look("Undocumented status", "warn", ":material/help:", "a status that is not documented"),
    "held back": Look("Held", "warn", ":material/front_hand:", "a deletion that the threshold holds back"),
    "unresolved reference": Look(
        "Reference unresolved", "bad", ":material/link_off:", "the object it refers to is missing"
    ),
    "import failed": Look("Import failed", "bad", ":material/error:", "it could not be read from the source"),
    "scoping failed": Look("Scoping failed", "bad", ":material/error:", "whether it is in scope could not be decided"),
    "matching failed": Look("Matching failed", "bad", ":material/error:", "no or several accounts match"),
    "processing failed": Look("Processing failed", "bad", ":material/error:", "what to write could not be worked out"),
    "export failed": Look("Export failed", "bad", ":material/error:", "the app rejected it, or did not answer"),
    "in_sync": Look("In sync", "good", ":material/check_circle:", "both sides match"),
    "rejected": Look("Rejected by app", "bad", ":material/block:", "Entra reports success; the app's log has an error"),
    "was_in_sync": Look("Was in sync", "quiet", ":material/history:", "both sides matched; newer data is missing"),
    "skipped": Look("Skipped", "quiet", ":material/skip_next:", "left out, by scope or for a missing value"),
    "disabled": Look("Disabled", "info", ":material/person_off:", "switched off in the application"),
    "deleted": Look("Deleted", "info", ":material/delete:", "removed from the application"),
    "success": Look("Success", "good", ":material/check_circle:", "it was done"),
    "failure": Look("Failure", "bad", ":material/error:", "it was tried and failed"),
    "warning": Look("Warning", "warn", ":material/warning:", "it was done, with a reservation"),
    "present": Look("Granted", "good", ":material/check_circle:", "the collector has it"),
    "missing": Look("Missing", "bad", ":material/block:", "the collector lacks it"),
    "excess": Look("Not needed", "warn", ":material/warning:", "it allows more than reading, and nothing needs it"),
    "ok": Look("Answering", "good", ":material/check_circle:", "the last request was answered in full"),
    "failed": Look("Failing", "bad", ":material/error:", "the last request was not answered in full"),
    "fits": Look("Matches profile", "good", ":material/check_circle:", "the app's profile lists no conflict"),
    "unfit": Look("Problem", "bad", ":material/error:", "by the app's profile, provisioning fails or may fail"),
    "doubtful": Look("Review", "warn", ":material/warning:", "the app's profile does not list it"),
    "unread": Look("Not read", "quiet", ":material/remove:", "its attribute mappings have not been read"),
    "critical": Look("Critical", "bad", ":material/error:", "people are kept out or in, or soon will be"),
    "info": Look("Info", "info", ":material/info:", "worth knowing"),
    "firing": Look("Firing", "bad", ":material/error:", "the rule found a problem at its last run"),
    "not firing": Look("OK", "good", ":material/check_circle:", "the rule ran on enough data and found nothing"),
    "rule failed": Look("Failed", "bad", ":material/heart_broken:", "the rule ended with an error"),
    "not run": Look("Not checked", "quiet", ":material/help:", "the data that the rule needs is missing"),
    "partly run": Look(
        "Partly checked", "quiet", ":material/help:", "not all apps could be checked; the others are OK"
    ),
    "nothing to check": Look("Nothing to check", "quiet", ":material/remove:", "no token expiry, SCIM log or history"),
    "never run": Look("Never run", "quiet", ":material/remove:", "the rule has not run yet"),
    "muted": Look("Muted", "quiet", ":material/notifications_off:", "rules.toml mutes the rule"),
    "member confirmed": Look("Present", "good", ":material/check_circle:", "an answer or an event confirms it"),
    "member assumed": Look("Assumed present", "quiet", ":material/help:", "an event that failed names others only"),
    "member missing": Look("Not in the app", "bad", ":material/link_off:", "Entra found no account of the member"),
    "member failed": Look("Failed", "bad", ":material/error:", "the request was rejected"),
    "member removed": Look("Taken out", "quiet", ":material/person_remove:", "taken out of the group"),
    "skip needs action": Look("Action needed", "bad", ":material/error:", "an administrator has to act"),
    "skip expected": Look("None, expected", "quiet", ":material/filter_alt_off:", "out of scope by a rule"),
    "skip in sync": Look("None, in sync", "quiet", ":material/drag_handle:", "both sides match already"),
    "message waiting": Look("Queued", "quiet", ":material/schedule:", "it is sent when it is due"),
    "message sent": Look("Sent", "good", ":material/check_circle:", "the receiving server accepted it"),
    "message merged": Look("Merged", "quiet", ":material/merge:", "another message lists it"),
    "message not delivered": Look("Not delivered", "bad", ":material/error:", "no attempt succeeded in time"),
    "ended": Look("Expired", "bad", ":material/key_off:", "enter the new token's expiry"),
    "ask_now": Look("Renew now", "bad", ":material/key:", "a new token takes as long as is left, or longer"),
    "ask_soon": Look("Renew soon", "warn", ":material/key:", "the last day to request a new token is near"),
    "in_time": Look("Not due", "good", ":material/check_circle:", "there is time to request a new token"),
    "token rejected": Look("Rejected", "bad", ":material/block:", "the app rejects the token"),
    "not_said": Look("Not set", "quiet", ":material/help:", "no expiry was entered"),
    "unprofiled": Look("No profile", "quiet", ":material/help:", "profiles has no file on this app"),
}
SYMBOLS = {"success": "circle", "failure": "x", "skipped": "triangle-right-open", "warning": "diamond"}


def look(word: str) -> Look:
    """Returns how a word looks; an unfamiliar one looks as it is spelled."""
    return LOOKS.get(word, Look(word, "quiet", ":material/help:", "not documented"))


def labelled(word: str) -> str:
    """Writes a word as coloured text with its icon."""
    seen = look(word)
    return f":{COLOURS[seen.tone]}[{seen.icon} {seen.label}]"


def chips(words: "pd.Series[str]") -> "pd.Series[Any]":
    """Returns words as lists of one label, which `chips_column` draws as chips."""
    return words.map(lambda word: [look(word).label])


def chip_colours() -> dict[str, Colour]:
    """Returns the colour of every label."""
    return {each.label: COLOURS[each.tone] for each in LOOKS.values()}


def cause(reason: object, error_code: object = None, job_id: object = None) -> str:
    """Writes a quarantine's reason in words, by its error code where that says more.

    >>> cause("EncounteredQuarantineException", "SystemForCrossDomainIdentityManagementCredentialValidationFailure")
    'the app rejects the token'
    """
    known = None if is_missing(error_code) else find_cause(str(error_code), job_id=text_or_none(job_id))
    if known is not None:
        return known.clause
    return "no reason given" if is_missing(reason) else find_reason(str(reason)).brief


READ_AS_MORE = re.compile(
    r"(?i)(https?\\?:)(?=//)|(www)(?=\\?\.)|(?=@)"
    r"|:(?=(?:material/|streamlit\\:))|\\[-<>~](?=\\[->]|=)"
)
"Where an address begins, a named icon, or an arrow or dash of several signs: Streamlit draws them despite escapes."
LONGEST_NAME = 60
NAMED = 4
"Names that a sentence has; of more it has how many."
APART = ":small[]"
"""Nothing, but two texts apart in markdown. Between the parts of an address it keeps it from becoming a link, which
escapes do not, and leaves no character in what a person copies."""


def plain(text: str) -> str:
    """Escapes text from a log for use inside markdown: nothing in it formats, links or draws.

    >>> plain("ada@example.com *now*")
    'ada:small[]@example\\\\.com \\\\*now\\\\*'
    """
    escaped = "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#+-.!|~:$" else sign for sign in text)
    return READ_AS_MORE.sub(rf"\g<0>{APART}", escaped)


def with_code(text: str) -> str:
    """Escapes text in which names and commands stand between backticks, which are drawn as code.

    >>> with_code("Set `active` to *true*")
    'Set `active` to \\\\*true\\\\*'
    """
    parts = text.split("`")
    return "".join(f"`{part}`" if number % 2 else plain(part) for number, part in enumerate(parts))


def text_or_none(value: object) -> str | None:
    """Returns a cell's text; None for an empty one."""
    return None if is_missing(value) else str(value)


def first_names(names: list[str]) -> str:
    """Writes the first of some names, and how many more there are.

    >>> first_names(["A", "B", "C", "D", "E", "F"])
    'A, B, C, D and 2 more'
    """
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(plain_name, names[:NAMED])) + more


def plain_name(name: object) -> str:
    """Writes the name of an app, a user or a group in a sentence: escaped, and no longer than a sentence bears."""
    return plain(brief_name(str(name)))


def brief_name(name: str) -> str:
    """Shortens a name that would fill a sentence; tables and panels have it whole.

    >>> brief_name("Cerby"), len(brief_name("A" * 200))
    ('Cerby', 60)
    """
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
