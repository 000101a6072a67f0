"""A health rule is a file: SQL whose rows are problems, under a header that says when it fires and what to do."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from pipeline.config.errors import RulesError
from pipeline.store.catalog import QUERIES, Parameter, Query, parameter, read_query, sections, value

RULES = QUERIES / "health"
SEVERITIES = ("info", "warning", "critical")
NEED = re.compile(
    r"^(?P<newest>newest )?(?P<source>events|jobs|exchanges) (?P<hours>\d+) hours?"
    r"(?: where (?P<column>\w+) is (?P<words>\w+(?:, \w+)*))?$"
)
EXPLANATION = re.compile(
    r"^(?P<rule>\w+)(?P<wide> of any app)?(?: whose (?P<whose>\w+) is (?P<of_cause>\w+(?:, \w+)*))?"
    r"(?: where (?P<where>\w+) is (?P<of_symptom>\w+(?:, \w+)*))?$"
)
CLOSES = ", closes at "
SOURCES = {"events": "provisioning logs", "jobs": "job status", "exchanges": "SCIM log"}


@dataclass(frozen=True)
class Need:
    """What must be known of a subject for a rule's silence to mean anything."""

    source: str
    "events, jobs or exchanges."
    hours: int
    "How far back from the instant of the check."
    newest: bool = False
    "Whether anything within the hours will do; else each hour must be known. A job's newest status always will."
    column: str | None = None
    "The column of a finding that says whether it rests on this source; None for all findings."
    words: tuple[str, ...] = ()
    "What that column says then."

    def applies(self, facts: Mapping[str, object]) -> bool:
        """Whether a finding rests on this source, by its evidence; one that does not say may."""
        return self.column is None or str(facts.get(self.column, self.words[0])).lower() in self.words

    def __str__(self) -> str:
        some = " (for some findings)" if self.column else ""
        return f"{SOURCES[self.source]} {'within' if self.newest else 'of'} the last {self.hours:,} hours{some}"


@dataclass(frozen=True)
class Explanation:
    """A rule whose incident may be the cause of another rule's, and what their evidence must say for that."""

    rule: str
    is_wide: bool = False
    "Whether the cause is of no app, and so of any; else both are of one job, or of one app where one names no job."
    of_cause: tuple[str, tuple[str, ...]] | None = None
    "A column of the cause's evidence, and the values that it may hold; none where it is empty."
    of_symptom: tuple[str, tuple[str, ...]] | None = None

    def applies(self, cause: Mapping[str, object], symptom: Mapping[str, object]) -> bool:
        """Whether the evidence of a cause and of a symptom says so."""
        return holds(self.of_cause, cause) and holds(self.of_symptom, symptom)


def holds(condition: tuple[str, tuple[str, ...]] | None, facts: Mapping[str, object]) -> bool:
    """Whether a column of evidence holds one of some words.

    >>> holds(("reason", ("none", "TooManyDeletes")), {"reason": None}), holds(("feed", ("jobs",)), {"feed": None})
    (True, False)
    """
    return condition is None or str(facts.get(condition[0])).lower() in (word.lower() for word in condition[1])


@dataclass(frozen=True)
class Rule:
    """One rule: its question, when it fires and what to do then."""

    name: str
    query: Query
    severity: str
    fires: str
    "When it fires, with the values of its file; `fires_with` has others."
    silent: str
    "What it misses."
    do: str
    needs: tuple[Need, ...]
    closing: Mapping[str, str]
    "Parameters whose level to close differs from the level to open, with the level to close."
    fires_template: str = ""
    "When it fires, as its file has it: with the names of its parameters."
    explained_by: tuple[Explanation, ...] = ()
    "Rules that may explain what it finds, the first that does before the others."
    page: str = "health"
    "The page of the dashboard that shows what it is about."

    @property
    def question(self) -> str:
        """Returns the rule's first line."""
        return self.query.question

    @property
    def title(self) -> str:
        """Returns the name that people read: a noun phrase."""
        return self.query.title

    def fires_with(self, values: Mapping[str, Any]) -> str:
        """Returns when it fires, with the values of its parameters that are in force."""
        return with_values(self.fires_template, values)

    @property
    def takes_many(self) -> bool:
        """Whether one statement answers as of many instants; each of its rows then says as of which."""
        return any(one.name == "at" and one.type == "TIMESTAMP[]" for one in self.query.parameters)

    @property
    def is_of_apps(self) -> bool:
        """Whether it judges apps, and not the pipeline itself."""
        return bool(self.needs) or not self.query.columns.get("app_name", "").startswith("always null")

    @property
    def parameters(self) -> list[Parameter]:
        """Returns the parameters that rules.toml may change: all but the instant of the check."""
        return [one for one in self.query.parameters if one.name != "at"]


@lru_cache
def rules() -> dict[str, Rule]:
    """Returns every rule by name, in alphabetical order."""
    every = {file.stem: read_rule(file) for file in sorted(RULES.glob("*.sql"))}
    check_explanations(every)
    return every


def find_rule(name: str) -> Rule:
    """Returns one rule; raises RulesError with the nearest right name."""
    every = rules()
    if name in every:
        return every[name]
    nearest = get_close_matches(name, every, 1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(every)}."
    raise RulesError(f"There is no rule '{name}'; {hint}")


def read_rule(file: Path) -> Rule:
    """Reads a rule's file; raises RulesError when its header lacks what a rule needs."""
    query = read_query(file)
    lines = [line[2:].strip() for line in query.sql.splitlines() if line.startswith("--")]
    parts = {heading: written[1:] for heading, written in sections(lines[1:]).items() if heading}
    for heading in ("Severity", "Fires", "Silent", "Do"):
        if not any(parts.get(heading, [])):
            raise RulesError(f"{file.name}: the header has nothing under {heading}; a rule needs it.")
    severity = joined(parts["Severity"])
    if severity not in SEVERITIES:
        raise RulesError(f"{file.name}: Severity is '{severity}'; one of {', '.join(SEVERITIES)} was expected.")
    parameters = [parameter(file, line) for line in parts.get("Parameters", []) if line.startswith("$")]
    levels = {one.name: (one.default or "").partition(CLOSES) for one in parameters}
    opening = [replace(one, default=levels[one.name][0] if one.default else one.default) for one in parameters]
    standard = {one.name: value(query, one, None) for one in opening if one.default is not None}
    return Rule(
        name=file.stem,
        query=replace(query, parameters=tuple(opening)),
        severity=severity,
        fires=with_values(joined(parts["Fires"]), standard),
        fires_template=joined(parts["Fires"]),
        silent=with_values(joined(parts["Silent"]), standard),
        do=joined(parts["Do"]),
        needs=tuple(read_need(file, line) for line in parts.get("Needs", []) if line),
        explained_by=tuple(read_explanation(file, line) for line in parts.get("Explained by", []) if line),
        closing={name: closes for name, (_, separator, closes) in levels.items() if separator},
        page=joined(parts.get("Page", [])) or "health",
    )


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """Writes a text's parameters as the values that they have; one with a percent sign as a share.

    >>> with_values("at least `least` users in `days` days, `share%` of all", {"least": 3, "days": 1, "share": 0.5})
    'at least 3 users in 1 day, 50% of all'
    """

    def written(match: re.Match[str]) -> str:
        name, percent, noun = match["name"], match["percent"], match["noun"] or ""
        if name not in values:
            return match[0]
        level = values[name]
        number = f"{level * 100:g}%" if percent else f"{level:,}" if isinstance(level, int) else f"{level:g}"
        return number + (noun.removesuffix("s") if level == 1 else noun)

    return re.sub(r"`(?P<name>\w+)(?P<percent>%)?`(?P<noun> \w+s\b)?", written, text)


def joined(lines: Sequence[str]) -> str:
    """Joins a section's lines."""
    return " ".join(line for line in lines if line)


def read_need(file: Path, line: str) -> Need:
    """Reads a line such as `events  24 hours`."""
    match = NEED.match(line)
    if match is None:
        raise RulesError(f"{file.name}: '{line}' under Needs; 'events 24 hours' or the like was expected.")
    words = tuple((match["words"] or "").split(", ")) if match["column"] else ()
    return Need(match["source"], int(match["hours"]), bool(match["newest"]), match["column"], words)


def read_explanation(file: Path, line: str) -> Explanation:
    """Reads a line such as `token_refused where cause is credentials`."""
    match = EXPLANATION.match(line)
    if match is None:
        raise RulesError(f"{file.name}: '{line}' under Explained by; 'token_refused' or the like was expected.")
    of_cause, of_symptom = (
        (match[column], tuple(match[words].split(", "))) if match[column] else None
        for column, words in (("whose", "of_cause"), ("where", "of_symptom"))
    )
    return Explanation(match["rule"], bool(match["wide"]), of_cause, of_symptom)


def check_explanations(every: Mapping[str, Rule]) -> None:
    """Refuses rules that are explained by one that is not there or, by way of others, by themselves."""
    causes = {name: {one.rule for one in rule.explained_by} for name, rule in every.items()}
    for name, own in causes.items():
        if unknown := sorted(own - every.keys()):
            raise RulesError(f"{name}.sql: Explained by names {unknown[0]}, which is no rule of queries/health.")
    try:
        TopologicalSorter(causes).prepare()
    except CycleError as error:
        raise RulesError(f"queries/health: rules explain each other: {', '.join(error.args[1])}.") from None
