"""Looks up why Entra quarantines a job: each of Graph's reasons in our words, how sure that is, and what ends it.

A step names the fact that shows whether it is done; the page that shows the steps looks the fact up.
"""

from dataclasses import dataclass
from typing import Literal

from pipeline.knowledge.causes import Cause, Family, find_cause
from pipeline.knowledge.remedies import GENERIC

Standing = Literal["documented", "inferred", "unverified"]
"Whether Microsoft documents what a reason means, whether we infer it, or whether it is unknown."
Fact = Literal["credential", "answers", "error", "escrows", "deletions", "attempt", "left", "hand"]
"What shows that a step is done; hand: only the person who does it knows."


@dataclass(frozen=True)
class Step:
    """One thing that ends a quarantine."""

    text: str
    fact: Fact


@dataclass(frozen=True)
class Reason:
    """One of Graph's reasons."""

    word: str
    "As Graph spells it."
    brief: str
    "In few words, for a sentence."
    meaning: str
    standing: Standing
    source: str
    "What the meaning rests on."
    steps: tuple[Step, ...]


ATTEMPT = Step("Wait for Entra's next attempt: one that succeeds ends the quarantine.", "attempt")
LEFT = Step("Confirm that the job has left quarantine.", "left")
FRESH = Step("Confirm two cycles without new failures.", "escrows")
ERROR = Step("Fix the error that most pending retries share; Issues shows it.", "error")
COUNTED = (ERROR, FRESH, ATTEMPT, LEFT)
ARTICLE = "Microsoft's article on quarantine"

ALL_REASONS = (
    Reason(
        "EncounteredQuarantineException",
        "sign-in to the app failed, or its answers are not SCIM",
        "Entra cannot sign in to the app, or the app does not answer as SCIM requires. That quarantines at once, "
        "however few users fail: a token that is wrong or has expired, an address that is wrong, a search answered "
        "with 404 where SCIM requires an empty list, a matching attribute that the app cannot search by.",
        "documented",
        ARTICLE,
        (
            Step(
                f"If the app rejects the token: {GENERIC}; enter it in Entra under Provisioning, Admin credentials, "
                "test the connection and save.",
                "credential",
            ),
            Step(
                "If the app answers a search with an error: correct the tenant URL, or choose a matching attribute "
                "that the app can search by; a vendor must answer an empty list, not 404.",
                "answers",
            ),
            ATTEMPT,
            LEFT,
        ),
    ),
    Reason(
        "EncounteredEscrowProportionThreshold",
        "too large a share of failures",
        "Too large a share of the users and groups fails: about 40%, counted from about 5,000 failures on; references "
        "such as a manager or a member are not counted.",
        "documented",
        ARTICLE,
        COUNTED,
    ),
    Reason(
        "EncounteredBaseEscrowThreshold",
        "too many failures",
        "Too many users and groups fail. Microsoft documents a limit of about 40,000 failures without references; that "
        "this reason means that limit is our inference.",
        "inferred",
        "the limits of Microsoft's article on quarantine, which does not name this reason",
        COUNTED,
    ),
    Reason(
        "EncounteredTotalEscrowThreshold",
        "too many failures",
        "Too many users and groups fail. Microsoft documents a limit of about 60,000 failures, references included; "
        "that this reason means that limit is our inference.",
        "inferred",
        "the limits of Microsoft's article on quarantine, which does not name this reason",
        COUNTED,
    ),
    Reason(
        "TooManyDeletes",
        "more deletions than allowed",
        "One cycle would have deleted or disabled as many users as the job's deletion limit, or more. Entra holds the "
        "deletions until an administrator decides.",
        "documented",
        "Microsoft's article on accidental deletions",
        (
            Step(
                "Find out what the users to be removed share: a group that was emptied, a scoping filter or an "
                "assignment that was changed.",
                "hand",
            ),
            Step(
                "Decide. If they are intended: Allow deletes, in Entra under Provisioning. If not: correct the scope, "
                "assignment or user first, and only then restart provisioning.",
                "deletions",
            ),
            LEFT,
        ),
    ),
    Reason(
        "QuarantinedOnDemand",
        "set by Microsoft",
        "Microsoft set the quarantine by hand.",
        "documented",
        ARTICLE,
        (Step("Ask Microsoft's support why, and what it takes.", "hand"), ATTEMPT, LEFT),
    ),
    Reason(
        "IngestionInterrupted",
        "reading the source was interrupted",
        "Microsoft does not document this reason. By its name, reading from the source was interrupted, not writing to "
        "the app; that is not confirmed.",
        "unverified",
        "the name alone",
        (
            Step("Check whether Microsoft reports a problem with Entra, and ask their support if it lasts.", "hand"),
            ATTEMPT,
            LEFT,
        ),
    ),
    Reason(
        "Unknown",
        "no known reason",
        "Graph gives only the reason “Unknown”, which is not documented. The error's code and text may show more.",
        "unverified",
        "the name alone",
        (
            Step(f"If the app rejects the token: {GENERIC}; test the connection and save.", "credential"),
            ERROR,
            ATTEMPT,
            LEFT,
        ),
    ),
)
REASONS = {reason.word: reason for reason in ALL_REASONS}
SPELLED = {"QuarantineOnDemand": "QuarantinedOnDemand"}
"Microsoft's article spells one of them in another way."


def find_reason(word: str | None) -> Reason:
    """Returns one of Graph's reasons; of an undocumented one only that.

    >>> find_reason("QuarantineOnDemand").brief, find_reason("MoonPhase").standing
    ('set by Microsoft', 'unverified')
    """
    if word is None:
        return undocumented("No reason given", "no reason given", "Graph gives no reason.")
    reason = REASONS.get(SPELLED.get(word, word))
    meaning = "Graph gives a reason that is not documented; its meaning is unknown."
    return reason or undocumented(word, word, meaning)


def reason_in_words(word: str | None, error_code: str | None, job_id: str | None = None) -> str:
    """Returns why a job is in quarantine, for a sentence: its error's cause where the reason leaves that open.

    >>> reason_in_words("TooManyDeletes", None)
    'more deletions than allowed'
    >>> reason_in_words("EncounteredQuarantineException", "ContosoCredentialValidationFailure")
    'the app rejects the token'
    """
    reason = find_reason(word)
    cause = find_cause(error_code, job_id=job_id) if error_code and reason.word in OPEN_REASONS else None
    return cause.clause if cause is not None and cause.owner != "nobody" else reason.brief


READ = Step("Read the job's error in Entra under Provisioning, and the log of its agent if it has one.", "hand")
EXCEPTION = "EncounteredQuarantineException"
OPEN_REASONS = (EXCEPTION, "Unknown", "No reason given")
"Reasons that leave open what is wrong, which the job's error says."
FACTS: dict[str, Fact] = {"credentials": "credential", "target": "answers", "mapping": "answers"}
"What shows that a step of a cause is done, by the cause's owner."


def steps_of(reason: Reason, cause: Cause | None, family: Family = "scim app") -> tuple[Step, ...]:
    """Returns what ends a quarantine: the steps of its error's cause where that is known, else those of its reason.

    Only of a SCIM app's job that gives no error is it said what to do about a token and about answers.
    """
    if reason.word not in OPEN_REASONS:
        return reason.steps
    is_scim = family in ("scim app", "on-premises")
    if cause is not None and cause.owner != "nobody":
        # Of a directory's job no SCIM log shows whether a step is done.
        facts = FACTS if is_scim else {}
        return (*(Step(text, facts.get(cause.owner, "hand")) for text in cause.steps), ATTEMPT, LEFT)
    return reason.steps if is_scim else (READ, ATTEMPT, LEFT)


def undocumented(word: str, brief: str, meaning: str) -> Reason:
    """Builds a reason of which only is known how any quarantine ends."""
    return Reason(word, brief, meaning, "unverified", "the name alone", REASONS["Unknown"].steps)
