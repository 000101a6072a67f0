"""The tables that a statement may ask, with the sentences of docs/dictionary.md, which tests hold to the store."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DICTIONARY = Path(__file__).parents[3] / "docs" / "dictionary.md"
HEADING = re.compile(r"^## `(?P<name>\w+)`(?P<internal> \(internal\))?$")
ROW = re.compile(r"^\| `(?P<column>\w+)` \| `(?P<type>[^`]+)` \| (?P<meaning>.+) \|$")
INTERNAL = "*Internal.*"
FIRST = ("identities", "events", "cycles", "exchanges", "job_snapshots", "escrows", "incidents")
"What is asked most comes first."


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table or view that analysts may rely on."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


@cache
def tables() -> dict[str, Table]:
    """Reads every promised table, the most used first; without the dictionary's file there is none."""
    if not DICTIONARY.exists():
        return {}
    read = dict(
        filter(None, map(read_section, re.split(r"^(?=## )", DICTIONARY.read_text("utf-8"), flags=re.MULTILINE)))
    )
    order = [name for name in FIRST if name in read] + sorted(read.keys() - set(FIRST), key=str.lower)
    return {name: read[name] for name in order}


def read_section(section: str) -> tuple[str, Table] | None:
    """Reads one section; None for a text, or for a table that only the program uses."""
    head, *lines = section.splitlines()
    heading = HEADING.match(head)
    if heading is None or heading["internal"]:
        return None
    rows = [row for line in lines if (row := ROW.match(line)) and not row["meaning"].startswith(INTERNAL)]
    text = [line for line in lines if line and not line.startswith("|")]
    columns = tuple(Column(row["column"], row["type"], row["meaning"]) for row in rows)
    return heading["name"], Table(heading["name"], text[0] if text else "", columns)
