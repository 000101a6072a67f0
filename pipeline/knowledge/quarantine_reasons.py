"""Looks up why Entra quarantines a job: each of Graph's reasons in our words, how sure that is, and what ends it.

A step names the fact that shows whether it is done; the page that shows the steps looks the fact up.
"""

from dataclasses import dataclass
from typing import Literal

from pipeline.knowledge.causes import Cause, Family, find_cause

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


ATTEMPT = Step("Let Entra's next try come: one that succeeds lifts the quarantine by itself.", "attempt")
LEFT = Step("See the job leave quarantine.", "left")
FRESH = Step("See two cycles in which nobody new fails.", "escrows")
ERROR = Step("Fix the error that most of those who wait share; the page Failures shows it.", "error")
COUNTED = (ERROR, FRESH, ATTEMPT, LEFT)
ARTICLE = "Microsoft's article on quarantine"

ALL_REASONS = (
    Reason(
        "EncounteredQuarantineException",
        "credentials, or answers that are not SCIM",
        "Entra cannot sign in to the app, or the app does not answer as SCIM demands. That quarantines at once, "
        "however few fail: a token that is wrong or has ended, an address that is wrong, a search answered with 404 "
        "where SCIM wants an empty list, a matching attribute that the app cannot search by.",
        "documented",
        ARTICLE,
        (
            Step(
                "If the app refuses the token: make a new one, enter it in Entra under Provisioning, Admin "
                "Credentials, test the connection and save.",
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
        "too large a share fails",
        "Too large a share of the objects fails: about 40%, looked at from about 5,000 failures on; references such "
        "as a manager or a member are not counted.",
        "documented",
        ARTICLE,
        COUNTED,
    ),
    Reason(
        "EncounteredBaseEscrowThreshold",
        "too many failures",
        "Too many objects fail. Microsoft names a limit of about 40,000 failures without references; that this word "
        "means that limit is our inference.",
        "inferred",
        "the limits of Microsoft's article on quarantine, which does not name this word",
        COUNTED,
    ),
    Reason(
        "EncounteredTotalEscrowThreshold",
        "too many failures",
        "Too many objects fail. Microsoft names a limit of about 60,000 failures, references with them; that this word "
        "means that limit is our inference.",
        "inferred",
        "the limits of Microsoft's article on quarantine, which does not name this word",
        COUNTED,
    ),
    Reason(
        "TooManyDeletes",
        "more deletions than allowed",
        "One cycle would have deleted or disabled as many as the job's deletion limit, or more. Entra holds them back "
        "until somebody decides.",
        "documented",
        "Microsoft's article on accidental deletions",
        (
            Step(
                "Find out what those to be removed share: a group that was emptied, a scoping filter or an assignment "
                "that was changed.",
                "hand",
            ),
            Step(
                "Decide. If they are meant: Allow deletes, in Entra under Provisioning. If not: correct the scope, "
                "assignment or user first, and only then restart provisioning.",
                "deletions",
            ),
            LEFT,
        ),
    ),
    Reason(
        "QuarantinedOnDemand",
        "set by hand",
        "Microsoft set the quarantine by hand.",
        "documented",
        ARTICLE,
        (Step("Ask Microsoft's support why, and what it takes.", "hand"), ATTEMPT, LEFT),
    ),
    Reason(
        "IngestionInterrupted",
        "reading the source was interrupted",
        "Nothing is published on this reason. By its name reading from the source was interrupted, not writing to the "
        "app; nobody here can confirm that.",
        "unverified",
        "the word alone",
        (
            Step("Look whether Microsoft reports trouble with Entra, and ask their support if it lasts.", "hand"),
            ATTEMPT,
            LEFT,
        ),
    ),
    Reason(
        "Unknown",
        "Graph says Unknown",
        "Graph itself gives no reason but “Unknown”, and nothing is published on it. The error's code and text may say "
        "more.",
        "unverified",
        "the word alone",
        (
            Step("If the app refuses the token: make a new one, test the connection and save.", "credential"),
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
    ('set by hand', 'unverified')
    """
    if word is None:
        return undocumented("No reason given", "no reason given", "Graph gives no reason.")
    reason = REASONS.get(SPELLED.get(word, word))
    meaning = "Graph gives a reason that nobody has documented; what it means is not known here."
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
OPEN_REASONS = ("EncounteredQuarantineException", "Unknown", "No reason given")
"Reasons that leave open what is wrong, which the job's error says."
FACTS: dict[str, Fact] = {"credentials": "credential", "target": "answers", "mapping": "answers"}
"What shows that a step of a cause is done, by the cause's owner."


def steps_of(reason: Reason, cause: Cause | None, family: Family = "scim app") -> tuple[Step, ...]:
    """Returns what ends a quarantine: the steps of its error's cause where that is known, else those of its reason.

    Only of a SCIM app's job that gives no error is it said what to do about a token and about answers.
    """
    if reason.word not in OPEN_REASONS:
        return reason.steps
    if cause is not None and cause.owner != "nobody":
        return (*(Step(text, FACTS.get(cause.owner, "hand")) for text in cause.steps), ATTEMPT, LEFT)
    return reason.steps if family in ("scim app", "on-premises") else (READ, ATTEMPT, LEFT)


def undocumented(word: str, brief: str, meaning: str) -> Reason:
    """Builds a reason of which only is known how any quarantine ends."""
    return Reason(word, brief, meaning, "unverified", "the word alone", REASONS["Unknown"].steps)
