"""The words of issues: the label of a state, an issue's title, and the sentences about what is blamed."""

import re
from typing import Any

import pandas as pd

from pipeline.config.wording import count, is_missing
from pipeline.knowledge.causes import cause_of, nearest
from views.frame.data import Row
from views.frame.look import Tone, plain
from views.parts.people.status import in_code

STATES: dict[str, tuple[str, Tone, str]] = {
    "new": ("New", "bad", "began within the last three cycles"),
    "regressed": ("Regressed", "bad", "was resolved and came back within the last three cycles"),
    "escalating": ("Escalating", "bad", "affects at least half as many more users as before the last cycle"),
    "ongoing": ("Ongoing", "warn", "users are pending and retried"),
    "quiet": ("Quiet", "quiet", "no attempts lately"),
    "resolved": ("Resolved", "info", "no users pending for three completed cycles"),
}
"Label, tone and meaning of each state, the gravest first."
FAULTS = ("source data", "mapping", "target", "service", "credentials", "unknown")
PATH = re.compile(r'^(?P<many>\w+)\[type eq "(?P<type>\w+)"\](?:\.value)?$')
PLURALS = {"emails": "e-mail", "phoneNumbers": "phone number"}
"One of what SCIM has several of, each with a type."
SIDES = {"read": "Read from the source", "written": "Written to the app", "changed": "In the update"}
ICONS: dict[Tone, str] = {
    "good": ":material/check_circle:",
    "bad": ":material/error:",
    "warn": ":material/warning:",
    "info": ":material/info:",
    "quiet": ":material/remove:",
}


def issue_title(row: Row) -> str:
    """Writes an issue's title: its cause's title, else its message, else its code."""
    cause = cause_of(filled(row))
    if cause:
        attribute = text_of(row["attribute"])
        return f"{cause.title}: {attribute_name(attribute)}" if attribute else cause.title
    return text_of(row["detail"]) or text_of(row["code"]) or "The log gives no reason"


def attribute_name(name: str) -> str:
    """Writes an attribute in words where SCIM spells it as a path.

    >>> attribute_name('emails[type eq "work"].value'), attribute_name("name.familyName")
    ('work e-mail', 'name.familyName')
    """
    path = PATH.match(name)
    return f"{path['type']} {PLURALS[path['many']]}" if path and path["many"] in PLURALS else name


def affected_words(number: int, source_type: object) -> str:
    """Writes how many are affected by an issue, of the kind that it is about.

    >>> affected_words(1, "User"), affected_words(3, "Group"), affected_words(2, None)
    ('1 user', '3 groups', '2 users and groups')
    """
    kind = str(source_type).lower()
    if kind in ("user", "group"):
        return count(number, kind)
    return count(number, "user or group", "users and groups")


def text_of(value: Any) -> str | None:
    """Returns a cell's text, None where it is empty."""
    return None if is_missing(value) or value == "" else str(value)


def filled(row: Row) -> dict[str, Any]:
    """Returns a row without its empty cells."""
    return {name: value for name, value in row.items() if isinstance(value, list) or not missing_cell(value)}


def missing_cell(value: Any) -> bool:
    """Whether a cell is empty, lists aside."""
    return not hasattr(value, "__len__") and is_missing(value)


def unknown_code(code: str, codes: list[str]) -> str:
    """Writes that a code is not documented, and which ones are similar."""
    similar = nearest(code, codes)
    sentence = f"The error code `{in_code(code)}` is not documented."
    if not similar:
        return f"{sentence} No similar code is documented or was seen here."
    return f"{sentence} Similar codes: {', '.join(f'`{in_code(one)}`' for one in similar)}."


def blame_sentence(rows: pd.DataFrame, row: Row) -> str:
    """Writes which attribute is blamed for an issue, with the numbers; or that none is, and why."""
    if rows.empty:
        return "A single user or group cannot be compared." if row["people"] < 2 else "Too few users to compare."
    first = rows.iloc[0]
    if not first["blamed"]:
        return "Nothing distinguishes the affected users: what they share is as common among the others, by chance."
    return f"{lead(first)}."


def lead(first: Any) -> str:
    """Writes how many of each side have a trait.

    >>> lead({"attribute": "mail", "trait": "is missing", "hit": 38, "of_hit": 41, "others": 2, "of_others": 1204})
    '38 of 41 affected users have no mail; 2 of 1,204 others do not either'
    >>> lead({"attribute": "mail", "trait": "is missing", "hit": 2, "of_hit": 2, "others": 0, "of_others": 30})
    'Both affected users have no mail; all 30 others have one'
    """
    name, trait = plain(str(first["attribute"])), str(first["trait"])
    hit = amount(first["hit"], first["of_hit"], "affected user")
    others = amount(first["others"], first["of_others"], "other")
    has = "has" if first["hit"] == 1 else "have"
    if trait in ("is missing", "is empty"):
        word = "no" if trait == "is missing" else "an empty"
        too = "not either" if trait == "is missing" else "as well"
        rest = f"{others} {'does' if first['others'] == 1 else 'do'} {too}"
        if not first["others"]:
            all_others = amount(first["of_others"], first["of_others"], "other").lower()
            rest = f"{all_others} {'has' if first['of_others'] == 1 else 'have'} one"
        return f"{hit} {has} {word} {name}; {rest}"
    return f"{hit} {has} a {name} that {plain(trait)}; {others.lower()} {'does' if first['others'] == 1 else 'do'}"


def amount(number: int, of: int, noun: str) -> str:
    """Writes how many of some there are.

    >>> amount(2, 2, "user"), amount(3, 3, "user"), amount(1, 3, "user"), amount(0, 3, "user"), amount(1, 1, "user")
    ('Both users', 'All 3 users', '1 of 3 users', 'None of 3 users', 'The only user')
    """
    if number == of:
        return {1: f"The only {noun}", 2: f"Both {noun}s"}.get(number, f"All {count(of, noun)}")
    return f"{number or 'None'} of {count(of, noun)}" if number < 1000 else f"{number:,} of {count(of, noun)}"
