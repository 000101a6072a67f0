"""A .sql file becomes a Query: its question, parameters and columns, read from its header.

The header is checked, not decoration: a test holds it against DuckDB's own reading of the body.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.config.errors import UnknownQuery, WrongValue

QUERIES = Path(__file__).parents[2] / "queries"
PARAMETER = re.compile(
    r"^\$(?P<name>\w+)\s+(?P<type>\w+(?:\[\])?)(?:\s*=\s*(?P<default>.+?))?(?:\s{2,}(?P<meaning>.*))?$"
)
COLUMN = re.compile(r"^(?P<name>\w+)\s{2,}(?P<meaning>.*)$")
LABEL = re.compile(r"^(?P<name>Title|Topic)\s{2,}(?P<text>.+)$")
TOPICS = (
    "Users and groups",
    "Cycles and quarantine",
    "Failures and issues",
    "Leavers",
    "Scope and skips",
    "SCIM traffic",
    "Configuration and tokens",
    "Data coverage",
    "Alerts",
)
"The topics that a header may name, in the order in which lists show them."


@dataclass(frozen=True)
class Parameter:
    """One `$name` of a query."""

    name: str
    type: str
    default: str | None
    "The default as written; None where a value must be given."
    meaning: str


@dataclass(frozen=True)
class Query:
    """One question and the SQL that answers it."""

    name: str
    question: str
    title: str
    "A noun phrase: the heading where the answer is shown."
    topic: str
    "One of TOPICS."
    about: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    "Column name to its sentence, in the answer's order."
    sql: str
    for_analysts: bool
    "Whether the header says so: no page asks it."


@lru_cache
def catalog() -> dict[str, Query]:
    """Returns every query by name, in alphabetical order."""
    return {file.stem: read_query(file) for file in sorted(QUERIES.glob("*.sql"))}


def find_query(name: str) -> Query:
    """Returns one query; raises UnknownQuery with the nearest right name."""
    from difflib import get_close_matches

    queries = catalog()
    if name in queries:
        return queries[name]
    near = get_close_matches(name, queries, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(queries)}."
    raise UnknownQuery(f"There is no question '{name}' in queries/; {hint}")


def read_query(file: Path) -> Query:
    """Reads one file; the header is its leading comment lines."""
    sql = file.read_text(encoding="utf-8")
    header = [line[2:].strip() if line.startswith("--") else None for line in sql.splitlines()]
    lines = header[: header.index(None)] if None in header else header
    question, *rest = [line or "" for line in lines]
    labels = {match["name"]: match["text"] for line in rest if (match := LABEL.match(line))}
    parts = sections([line for line in rest if not LABEL.match(line)])
    return Query(
        name=file.stem,
        question=question,
        title=labels.get("Title") or file.stem.replace("_", " ").capitalize(),
        topic=labels.get("Topic", ""),
        about=" ".join(line for line in parts.get("", []) if line),
        parameters=tuple(parameter(file, line) for line in parts.get("Parameters", []) if line.startswith("$")),
        columns={match["name"]: match["meaning"] for line in parts.get("Columns", []) if (match := COLUMN.match(line))},
        sql=sql,
        for_analysts="For analysts" in parts,
    )


HEADINGS = (
    "For analysts",
    "Parameters",
    "Columns",
    "Severity",
    "Fires",
    "Silent",
    "Do",
    "Needs",
    "Explained by",
    "Page",
)


def sections(lines: list[str]) -> dict[str, list[str]]:
    """Splits header lines at their headings; what comes before the first is under ''."""
    parts: dict[str, list[str]] = {"": []}
    heading = ""
    for line in lines:
        if line in HEADINGS:
            heading = line
        parts.setdefault(heading, []).append(line)
    return parts


def parameter(file: Path, line: str) -> Parameter:
    """Reads one line of the Parameters section, such as `$job VARCHAR = null  one job's id`."""
    match = PARAMETER.match(line)
    if match is None:
        raise ValueError(f"{file.name}: '{line}' is not '$name TYPE [= default]  meaning'")
    return Parameter(match["name"], match["type"].upper(), match["default"], match["meaning"] or "")


def bind(query: Query, given: Mapping[str, Any]) -> dict[str, Any]:
    """Chooses a value for each parameter: the given one, else its default. Raises WrongValue with a sentence."""
    names = {parameter.name for parameter in query.parameters}
    for name in given:
        if name not in names:
            raise WrongValue(
                f"'{query.name}' has no parameter '{name}'; it takes {', '.join(sorted(names)) or 'none'}."
            )
    return {parameter.name: value(query, parameter, given.get(parameter.name)) for parameter in query.parameters}


def value(query: Query, parameter: Parameter, given: object) -> object:
    """Turns one given value, or the default, into what the parameter's type holds."""
    if given is None:
        if parameter.default is None:
            raise WrongValue(f"'{query.name}' needs {parameter.name} ({parameter.type}): {parameter.meaning}")
        given = None if parameter.default == "null" else parameter.default.strip("'")
    if not isinstance(given, str):
        return given
    try:
        return READERS.get(parameter.type, str)(given)
    except ValueError:
        raise WrongValue(f"{parameter.name} is '{given}'; {EXPECTED[parameter.type]} was expected.") from None


def instant(text: str) -> datetime:
    """Reads an ISO 8601 instant as naive UTC, the store's way."""
    from datetime import UTC

    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


READERS: dict[str, Any] = {"TIMESTAMP": instant, "BIGINT": int, "INTEGER": int, "DOUBLE": float, "VARCHAR": str}
EXPECTED = {
    "TIMESTAMP": "an ISO 8601 instant such as 2026-01-05T12:00:00Z",
    "BIGINT": "a whole number",
    "INTEGER": "a whole number",
    "DOUBLE": "a number",
}
