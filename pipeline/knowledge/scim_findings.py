"""Writes the vendor report: what an app's SCIM answers show that its vendor should fix, as Markdown without secrets.

The marks come from queries/target_lint.sql; here is what each means, where it is written and what fixes it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pipeline.config.wording import count, dated, iso
from pipeline.knowledge.causes import cause_of

Row = Mapping[str, Any]
Weight = Literal["breaks", "misleads", "worth knowing"]
ENTRA = "Microsoft Entra, “Develop a SCIM endpoint”"
QUERY, FILTER, POST, PATCH, REMOVE, ERRORS = (
    "RFC 7644, 3.4.2",
    "RFC 7644, 3.4.2.2",
    "RFC 7644, 3.3",
    "RFC 7644, 3.5.2",
    "RFC 7644, 3.6",
    "RFC 7644, 3.12",
)
HIDDEN = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-zA-Z_-]{16,}")
ADDRESS = re.compile(r"[^\s\"'/=<>()]+@[^\s\"'/=<>()]+")


@dataclass(frozen=True)
class Meaning:
    """What a mark means to the app's vendor."""

    title: str
    weight: Weight
    written: str
    "Where it is written."
    expected: str
    cure: str


MEANINGS: dict[str, Meaning] = {
    "query_404": Meaning(
        "A query answered 404",
        "breaks",
        f"{QUERY}; {ENTRA}",
        "A query that finds nothing is answered 200 with an empty ListResponse; Entra's credential check looks for an "
        "id that no user has and quarantines the job after a 404.",
        "Answer 200 with `totalResults` 0. Keep 404 for a path that names one resource. A server without groups "
        "answers /Groups the same way.",
    ),
    "filter_refused": Meaning(
        "A filter was rejected",
        "breaks",
        f"{FILTER}; {ENTRA}",
        "Entra filters by the matching attribute with `eq`, and with `and`; without it no user can be matched.",
        'Support `eq` on the matching attributes (userName, externalId, emails[type eq "work"].value, displayName).',
    ),
    "patch_unsupported": Meaning(
        "PATCH is not supported",
        "breaks",
        f"{PATCH}; {ENTRA}",
        "Entra changes and disables by PATCH alone; it sends no PUT.",
        "Support PATCH with the operations add, replace and remove.",
    ),
    "string_boolean_refused": Meaning(
        "A boolean sent as a string was rejected",
        "breaks",
        f"RFC 7643, 2.3.2; {ENTRA}",
        'Without the flag aadOptscim062020 Entra sends `active` as the string "False"; an app that rejects it keeps '
        "leavers active.",
        "Accept true and false as strings in any case. The tenant can also add ?aadOptscim062020 to the Tenant URL.",
    ),
    "disable_ignored": Meaning(
        "A disable was answered 200, and the answer shows the account still active",
        "breaks",
        f"{PATCH}; {ENTRA}",
        "What the answer to a PATCH shows is the resource after the change.",
        "Apply `active` false, also where it comes as a string; answer with what is stored.",
    ),
    "create_without_id": Meaning(
        "A create was answered without an id",
        "breaks",
        f"{POST}; RFC 7643, 3.1",
        "The answer to a POST is the whole new resource with its `id`; without it Entra cannot find the account again.",
        "Answer 201 with the resource, its `id` and `meta.location`.",
    ),
    "create_not_201": Meaning(
        "A create was not answered 201",
        "misleads",
        f"{POST}; {ENTRA}",
        "A resource that was made is answered 201.",
        "Answer 201. If the account was there already, answer 409 with the scimType uniqueness.",
    ),
    "delete_not_204": Meaning(
        "A delete was not answered 204",
        "misleads",
        f"{REMOVE}; {ENTRA}",
        "A deletion that worked is answered 204 without a body.",
        "Answer 204.",
    ),
    "group_patch_not_204": Meaning(
        "A change of a group was not answered 204",
        "worth knowing",
        f"{PATCH}; {ENTRA}",
        "RFC 7644 allows 200 with the whole group; Microsoft's examples expect 204, which spares listing its members.",
        "Prefer 204 for groups.",
    ),
    "no_scim_type": Meaning(
        "An error of 400 or 409 without a scimType",
        "misleads",
        f"{ERRORS}, table 9; {POST}",
        "A 409 for a name that is taken carries the scimType uniqueness, a 400 the one that names the fault.",
        "Add the scimType of table 9, so that the administrator sees which value to correct.",
    ),
    "error_not_json": Meaning(
        "An error that is not JSON",
        "misleads",
        ERRORS,
        "An error's body is JSON with the schema urn:ietf:params:scim:api:messages:2.0:Error; a page of HTML usually "
        "comes from a proxy in front.",
        "Answer errors as application/scim+json, also those of gateways and firewalls.",
    ),
    "error_not_scim": Meaning(
        "An error in JSON of another form",
        "misleads",
        ERRORS,
        "An error's body names the schema urn:ietf:params:scim:api:messages:2.0:Error, with status and detail.",
        "Answer with schemas, status, detail and, where there is one, scimType.",
    ),
    "string_boolean_answered": Meaning(
        "A boolean answered as a string",
        "misleads",
        "RFC 7643, 2.3.2",
        "`active` is a boolean; a string may never compare as equal, so that Entra writes it again in every cycle.",
        "Answer true or false without quotes.",
    ),
    "several_matches": Meaning(
        "A look-up by the matching attribute found more than one",
        "misleads",
        "RFC 7643, 4.1.1 and 2.2 (uniqueness)",
        "userName is unique on a server; Entra stops at two matches.",
        "Merge or rename the duplicates, and keep the matching attribute unique.",
    ),
    "slow": Meaning(
        "Slow answers",
        "worth knowing",
        "no paragraph; how long Entra waits is not documented",
        "A request that is not answered in time fails and is tried again in a later cycle.",
        "Answer within a few seconds; index the matching attributes.",
    ),
    "string_boolean": Meaning(
        "Booleans arrive as strings",
        "worth knowing",
        f"RFC 7643, 2.3.2; {ENTRA}",
        'Entra\'s older dialect sends `active` as "False"; these requests were taken, or failed for another reason.',
        "Nothing. The tenant can add ?aadOptscim062020 to the Tenant URL for true booleans.",
    ),
}
"What may be found, the worst first."


def meaning(mark: str) -> Meaning:
    """Returns what a mark means; an undocumented one says so."""
    return MEANINGS.get(mark, Meaning(mark, "worth knowing", "nowhere", "This mark is not described.", ""))


def ranked(findings: Sequence[Row]) -> list[Row]:
    """Sorts findings by weight, then by how often they occur."""
    order = list(MEANINGS)
    place = {mark: (["breaks", "misleads", "worth knowing"].index(MEANINGS[mark].weight)) for mark in order}
    return sorted(findings, key=lambda row: (place.get(row["mark"], 9), -row["requests"], row["mark"]))


def shortened(text: object) -> str:
    """Shortens a text of a log so that it may be sent: ids and long words cut short, addresses without who.

    >>> shortened('/scim/v2/Users/e53f37d6-37f0-417e-9201-9f30ac842557')
    '/scim/v2/Users/e53f…'
    >>> shortened('userName eq "ada.lovelace@example.com"')
    'userName eq "a…@example.com"'
    """
    masked = ADDRESS.sub(lambda match: f"{match[0][0]}…@{match[0].rpartition('@')[2]}", str(text))
    return HIDDEN.sub(lambda match: f"{match[0][:4]}…", masked)


def example(row: Row) -> str:
    """Writes one request and its answer in a line that may be sent."""
    searched = f" where {shortened(row['filter'])}" if row["filter"] else ""
    detail = f" “{re.sub(chr(34) + '|' + chr(39), '', shortened(row['detail']))[:160]}”" if row["detail"] else ""
    took = f", {row['duration_ms']:,} ms" if row["mark"] == "slow" else ""
    answered = "no answer" if row["http_status"] is None else int(row["http_status"])
    # The vendor looks the request up in a log of its own, so its instant has seconds.
    return f"{row['method']} {shortened(row['path'])}{searched} → {answered}{took}{detail} ({iso(row['last_at'])})"


def coverage_lines(seen: Row) -> list[str]:
    """Lists what the log let be checked, and what it did not."""
    lines = [
        f"{seen['requests']:,} requests: {seen['creates']:,} POST, {seen['patches']:,} PATCH, "
        f"{seen['deletes']:,} DELETE, {seen['queries']:,} look-ups by filter, of which {seen['probes']:,} were "
        f"credential checks; {seen['errors']:,} answers of 400 and more.",
        f"The log holds {seen['answered']:,} bodies of answers and {seen['sent']:,} of requests. "
        "Findings about bodies are about these.",
        f"Headers are not kept, so it is unknown whether the {seen['throttled']:,} answers of 429 had a Retry-After, "
        "or which Content-Type was used.",
    ]
    if not seen["answered"]:
        lines.insert(2, "Without bodies of answers, missing ids, scimTypes and errors of another form cannot be seen.")
    return lines


def markdown(
    app: str, since: datetime, until: datetime, findings: Sequence[Row], seen: Row, errors: Sequence[Row] = ()
) -> str:
    """Writes the report as Markdown; `errors` are Entra's issues with this app that the app's side can fix."""
    lines = [
        f"# How {app} answers SCIM",
        "",
        f"From real requests of {dated(since)} until {dated(until)}. Ids and names are cut short.",
        "",
    ]
    if not seen["requests"]:
        nothing = "No request of this app was logged in this window, so its answers are unknown."
        return "\n".join([*lines, nothing, "", *error_chapter(errors)])
    lines += [f"- {line}" for line in coverage_lines(seen)]
    lines += ["", verdict(findings), ""]
    for number, row in enumerate(ranked(findings), 1):
        lines += chapter(number, row)
    return "\n".join(lines + error_chapter(errors))


def error_chapter(errors: Sequence[Row]) -> list[str]:
    """Writes the errors that Entra reports of an app and that the app's side can fix, with their causes."""
    if not errors:
        return []
    lines = ["## Errors that Entra reports", ""]
    for row in errors:
        cause = cause_of(row)
        status = "" if row["http_status"] is None else f", HTTP {row['http_status']}"
        told = shortened(row["detail"] or "").replace("`", "'")
        title = cause.title if cause else row["code"] or "An error without a code"
        lines += [
            f"- **{title}**: {row['events']:,} attempts at {row['people']:,} objects, {row['waiting']:,} waiting "
            f"(`{row['code']}`{status}).",
            *([f"  - The app's words: `{told[:200]}`"] if told else []),
            *([f"  - {cause.meaning}"] if cause else []),
        ]
    return [*lines, ""]


def verdict(findings: Sequence[Row]) -> str:
    """Summarizes the findings in a sentence.

    >>> verdict([])
    'Nothing was found that RFC 7644 or Entra would have otherwise.'
    """
    if not findings:
        return "Nothing was found that RFC 7644 or Entra would have otherwise."
    weights = [meaning(row["mark"]).weight for row in findings]
    words = {"breaks": "breaking provisioning", "misleads": "misleading", "worth knowing": "worth knowing"}
    parts = [f"{weights.count(name)} {word}" for name, word in words.items() if name in weights]
    return f"{count(len(findings), 'finding')}: {', '.join(parts)}."


def chapter(number: int, row: Row) -> list[str]:
    """Writes the lines of one finding."""
    about = meaning(row["mark"])
    period = f"{dated(row['first_at'])} to {dated(row['last_at'])}"
    return [
        f"## {number}. {about.title}",
        "",
        f"- **{about.weight.capitalize()}**, {row['requests']:,} of {row['of_requests']:,} such requests, {period}.",
        f"- Expected: {about.expected} ({about.written})",
        f"- Example: `{example(row).replace('`', chr(39))}`",
        f"- What to do: {about.cure}",
        "",
    ]
