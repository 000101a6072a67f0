"""Looks up what an error means, who owns the fix and how to fix it, in causes.toml.

The model's macro `causes_of` finds causes by the same file and in the same way; a test holds the two together.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = Path(__file__).with_name("causes.toml")
OWNERS = {
    "source data": "the directory's administrator, who can correct the values in the source",
    "mapping": "the provisioning administrator, who can correct the attribute mapping in Entra",
    "target": "the app's vendor or administrator, who can correct the app or the gateway in front of it",
    "service": "Microsoft: the error is in Entra's own service",
    "credentials": "the app's administrator, who can renew the token or the account that Entra signs in with",
    "nobody": "none: nothing is wrong",
    "unknown": "unknown: the record does not show who can correct it",
}
"Who can correct a problem, by where it is."
OWNER_NAMES = {
    "source data": "Directory admin",
    "mapping": "Provisioning admin",
    "target": "App admin",
    "service": "Microsoft",
    "credentials": "App admin (token)",
    "nobody": "None",
    "unknown": "Unknown",
}
"The owner's name in a cell or a list."
Owner = Literal["source data", "mapping", "target", "service", "credentials", "nobody", "unknown"]
Family = Literal["scim app", "entra to entra", "ad to entra", "hr to ad", "on-premises"]
FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"azure2azure|entra2entra|crosstenant", "entra to entra"),
    (r"(workday|successfactors|sf|hcm|hr|api|ukg|sap)\w*2(ad|aad|entra)", "hr to ad"),
    (r"ad2aad|aad2ad|ad2entra|entra2ad|adtoaad", "ad to entra"),
    (r"ecma|onprem|on-prem|ldap", "on-premises"),
)
"What a job's template begins with, by the kind of connector."
CODE_FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"Hybrid(Identity|Synchroni[sz]ation|Syncroni[sz]ation)", "ad to entra"),
    (r"AzureDirectoryB2B|InvitationCreationFailure", "entra to entra"),
)
"What only one kind of connector has in its codes; a job's template counts before it."
NAMES = ("Active Directory", "Entra", "Microsoft")
"Names that keep their capital letter in the middle of a sentence."
MIN_LIKENESS = 0.6
"How much of two codes must be the same for one to be named as near the other."


class Cause(BaseModel):
    """What is known of one cause of errors, in our own words, and by what it is recognised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    codes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    scim_types: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    families: tuple[Family, ...] = ()
    outweighs: bool = False
    title: str
    meaning: str
    owner: Owner
    retries: str = ""
    "What the documentation says of Entra's own retries; empty where it says nothing."
    steps: tuple[str, ...] = Field(min_length=1)
    source: str

    @property
    def clause(self) -> str:
        """Returns the title for the middle of a sentence: with a small first letter, unless a name begins it."""
        return self.title if self.title.startswith(NAMES) else self.title[0].lower() + self.title[1:]

    @property
    def again(self) -> str:
        """Returns whether Entra retries by itself, as far as that is documented."""
        if not self.retries:
            return "Whether Entra retries by itself is not documented for this error."
        return f"Entra retries by itself: {self.retries}."


def read_cause(entry: Mapping[str, Any]) -> Cause:
    """Reads one entry; raises ValueError with its name and every key that is missing, wrong or unknown."""
    try:
        return Cause.model_validate(entry)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ValueError(f"{FILE.name}, cause '{entry.get('name', 'without a name')}': {faults}") from None


@lru_cache
def knowledge() -> tuple[tuple[Cause, ...], frozenset[str]]:
    """Reads every cause, in the file's order, and the codes that say no more than that something failed."""
    told = tomllib.loads(FILE.read_text(encoding="utf-8"))
    causes = tuple(map(read_cause, told["cause"]))
    names = [cause.name for cause in causes]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ValueError(
            f"{FILE.name}: {', '.join(sorted(repeated))} names two causes; a name of its own was expected."
        )
    return causes, frozenset(told["generic_codes"])


def causes() -> tuple[Cause, ...]:
    """Returns every cause, in the file's order."""
    return knowledge()[0]


@lru_cache
def documented_codes() -> tuple[str, ...]:
    """Returns every documented ending of a code, the longest first."""
    return tuple(sorted({code for cause in causes() for code in cause.codes}, key=lambda code: (-len(code), code)))


@lru_cache(maxsize=4096)
def ending_of(code: str | None) -> str | None:
    """Returns the documented ending of a code.

    >>> ending_of("ContosoEntryConflict"), ending_of("SystemForCrossDomainIdentityManagementServiceIncompatible")
    ('EntryConflict', 'ServiceIncompatible')
    >>> ending_of("Rebadged") is None
    True
    """
    return next((ending for ending in documented_codes() if is_end(code or "", ending)), None)


def is_end(code: str, ending: str) -> bool:
    """Whether a code is an ending, or a connector's name before it; the case of a long one does not matter."""
    if not code.lower().endswith(ending.lower()):
        return False
    before, end = code[: len(code) - len(ending)], code[len(code) - len(ending) :]
    if len(ending) <= 20 and not end[:1].isupper():
        return False
    return not before or bool(re.search(r"([a-z0-9]|[A-Z]{2})$", before))


def family_of(job_id: str | None, code: str | None = None) -> Family:
    """Returns the kind of a job's connector, by its template or id, else by an error code of its own.

    >>> family_of("Azure2Azure.11.22"), family_of("Workday2AD"), family_of(None, "HybridIdentityServiceNoActiveAgents")
    ('entra to entra', 'hr to ad', 'ad to entra')
    """
    template = (job_id or "").partition(".")[0].lower()
    found = [family for pattern, family in FAMILIES if re.match(pattern, template)]
    found += [family for pattern, family in CODE_FAMILIES if re.match(pattern, code or "")]
    return found[0] if found else "scim app"


def has_token(job_id: str | None) -> bool:
    """Whether a job signs in to its app with an access token; the model's macro `has_scim_token` tells the same.

    >>> has_token("scim.11.22"), has_token("Azure2Azure.11.22"), has_token("Workday2AD.11.22")
    (True, False, False)
    """
    return family_of(job_id) in ("scim app", "on-premises")


def find_cause(
    code: str | None = None,
    *,
    http_status: float | None = None,
    scim_type: str | None = None,
    words: str | None = None,
    action: str | None = None,
    job_id: str | None = None,
) -> Cause | None:
    """Returns the most specific cause that fits an error; None where none does."""
    ending, said = ending_of(code), (words or "").lower()
    is_generic = ending is None or ending in knowledge()[1]
    family = family_of(job_id, code)
    best: tuple[int, Cause | None] = (0, None)
    for cause in causes():
        fits = (
            (ending in cause.codes if cause.codes else is_generic or cause.outweighs)
            and (not cause.statuses or http_status in cause.statuses)
            and (not cause.scim_types or scim_type in cause.scim_types)
            and (not cause.actions or action in cause.actions)
            and (not cause.families or family in cause.families)
            and (not cause.phrases or any(fnmatchcase(said, phrase) for phrase in cause.phrases))
        )
        if fits and (weight := weight_of(cause, ending)) > best[0]:
            best = weight, cause
    return best[1]


def weight_of(cause: Cause, ending: str | None) -> int:
    """Measures how specific a cause is."""
    more = bool(cause.codes or cause.phrases or cause.outweighs)
    return (
        (1000 if cause.phrases else 0)
        + (600 if cause.outweighs else 0)
        + (500 if cause.actions else 0)
        + ((400 if more else 50) if cause.statuses else 0)
        + (300 if cause.scim_types else 0)
        + (200 if cause.families else 0)
        + (100 + len(ending or "") if cause.codes else 0)
    )


def cause_of(error: Mapping[str, Any]) -> Cause | None:
    """Returns the cause of a row that has the columns of an issue or an event, as far as it has them."""
    status = error.get("http_status")
    return find_cause(
        text_in(error, "code", "error_code", "skip_reason"),
        http_status=None if status is None or status != status else float(status),
        scim_type=text_in(error, "scim_type"),
        words=text_in(error, "detail", "scim_detail", "reason", "error_message"),
        action=text_in(error, "action"),
        job_id=text_in(error, "job_id"),
    )


def text_in(row: Mapping[str, Any], *names: str) -> str | None:
    """Returns the first of some columns that holds a text."""
    return next((value for name in names if isinstance(value := row.get(name), str) and value), None)


def nearest(code: str, others: Iterable[str] = (), most: int = 3) -> list[str]:
    """Returns the documented endings, and of `others`, the codes most like one that is not documented.

    >>> nearest("ContosoEntryConflicted")[0]
    'EntryConflict'
    """
    candidates = dict.fromkeys([*documented_codes(), *others])
    scored = [(likeness(code, other), other) for other in candidates if other != code]
    return [other for score, other in sorted(scored, key=lambda pair: -pair[0]) if score >= MIN_LIKENESS][:most]


def likeness(code: str, other: str) -> float:
    """Measures how much of two codes is the same, by their ends, which name the cause; one inside the other is most."""
    if min(len(code), len(other)) > 6 and (other.lower() in code.lower() or code.lower() in other.lower()):
        return 0.95
    return SequenceMatcher(None, code[-len(other) - 2 :].lower(), other.lower(), autojunk=False).ratio()


def evidence(issue: Mapping[str, Any]) -> list[str]:
    """Lists why an issue's owner is likely: its code, the app's answer, Graph's category and the step it failed at."""
    code, status = issue.get("code"), issue.get("http_status")
    category, step = issue.get("category"), issue.get("step_type")
    cause = cause_of(issue)
    reasons = []
    if code and cause and ending_of(code) in cause.codes:
        reasons.append(f"the code ends in {ending_of(code)}, which is known as “{cause.clause}”")
    elif code and ending_of(code) is None:
        reasons.append(f"the code {code} is not documented")
    if status:
        reasons.append(f"the app answered {status:.0f}")
    if cause and cause.phrases:
        reasons.append(f"the answer's words are known as “{cause.clause}”")
    elif cause and cause.scim_types:
        reasons.append(f"the answer's SCIM error type is {issue.get('scim_type')}")
    if cause and cause.actions:
        reasons.append(f"what it refused is a {issue.get('action')}")
    if category:
        reasons.append(f"Graph's category is {category}")
    if step:
        reasons.append(f"it went wrong at the step {step}")
    if issue.get("attribute"):
        reasons.append(f"the record names the attribute {issue['attribute']}")
    return reasons
