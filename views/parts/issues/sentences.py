"""The words of issues: the label of a state, an issue's title, and the sentences about what is blamed."""

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
    "quiet": ("Quiet", "quiet", "no attempts for a day, or no users pending"),
    "resolved": ("Resolved", "info", "no users pending for three completed cycles"),
}
"Label, tone and meaning of each state, the gravest first."
FAULTS = ("source data", "mapping", "target", "service", "credentials", "unknown")
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
        return f"{cause.title}: {attribute}" if attribute else cause.title
    return text_of(row["detail"]) or text_of(row["code"]) or "The log gives no reason"


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
        why = "a single user or group cannot be compared" if row["people"] < 2 else "too few users can be compared"
        return f"Nothing in common found: {why}."
    first = rows.iloc[0]
    if not first["blamed"]:
        return (
            "Nothing distinguishes the affected users: every trait that they share is as common among others as chance "
            "explains."
        )
    return f"{lead(first)}."


def lead(first: Any) -> str:
    """Writes how many of each side have a trait.

    >>> lead({"attribute": "mail", "trait": "is missing", "hit": 38, "of_hit": 41, "others": 2, "of_others": 1204})
    '38 of 41 affected users have no mail; 2 of 1,204 others do'
    """
    name, trait = plain(str(first["attribute"])), str(first["trait"])
    hit = f"{first['hit']:,} of {count(first['of_hit'], 'affected user')}"
    rest = f"{first['others']:,} of {count(first['of_others'], 'other')}"
    has = "has" if first["hit"] == 1 else "have"
    if trait in ("is missing", "is empty"):
        word = "no" if trait == "is missing" else "an empty"
        return f"{hit} {has} {word} {name}; {rest} {'does' if first['of_others'] == 1 else 'do'}"
    return f"{hit} {has} a {name} that {plain(trait)}; {rest} {'does' if first['of_others'] == 1 else 'do'}"
