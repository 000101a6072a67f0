"""A health rule is a file: SQL whose rows are problems, under a header that says when it fires and what to do.

`rules.toml` changes parameters and severity, or silences a rule, for all apps or for one.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.config.errors import RulesError, WrongValue
from pipeline.store.catalog import QUERIES, Parameter, Query, parameter, read_query, sections, value

RULES = QUERIES / "health"
SEVERITIES = ("info", "warning", "critical")
NEED = re.compile(r"^(?P<source>events|jobs|exchanges)\s+(?P<hours>\d+) hours?$")
CLOSES = ", closes at "
KNOWN = ("severity", "silent")
"What rules.toml may say of a rule beside its parameters."


@dataclass(frozen=True)
class Need:
    """What must be known of a job for a rule's silence to mean anything."""

    source: str
    "events, jobs or exchanges."
    hours: int
    "How far back from the instant asked about."


@dataclass(frozen=True)
class Rule:
    """One rule and how it is to be asked."""

    name: str
    query: Query
    severity: str
    fires: str
    silent: str
    "What it misses."
    do: str
    needs: tuple[Need, ...]
    closing: Mapping[str, str]
    "Parameters whose level to close differs from the level to open, with the level to close."
    page: str = "health"
    "The page of the dashboard that shows what it is about."

    @property
    def question(self) -> str:
        """Gives the rule's first line."""
        return self.query.question


@dataclass(frozen=True)
class Asking:
    """A rule with the values it is asked with, for some apps."""

    rule: Rule
    severity: str
    opens: Mapping[str, Any]
    closes: Mapping[str, Any]
    apps: frozenset[str] | None
    "The apps it is asked for by name; None for all that no other asking of the rule names."
    silent: bool = False


@lru_cache
def rules() -> dict[str, Rule]:
    """Gives every rule by name, in alphabetical order."""
    return {file.stem: read_rule(file) for file in sorted(RULES.glob("*.sql"))}


def find_rule(name: str) -> Rule:
    """Gives one rule; raises RulesError with the nearest right name."""
    from difflib import get_close_matches

    known = rules()
    if name in known:
        return known[name]
    near = get_close_matches(name, known, 1)
    raise RulesError(
        f"There is no rule '{name}'; " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}.")
    )


def read_rule(file: Path) -> Rule:
    """Reads a rule's file; raises RulesError when its header lacks what a rule needs."""
    query = read_query(file)
    lines = [line[2:].strip() for line in query.sql.splitlines() if line.startswith("--")]
    parts = {heading: said[1:] for heading, said in sections(lines[1:]).items() if heading}
    for heading in ("Severity", "Fires", "Silent", "Do"):
        if not any(parts.get(heading, [])):
            raise RulesError(f"{file.name}: the header says nothing under {heading}; a rule needs it.")
    severity = words(parts["Severity"])
    if severity not in SEVERITIES:
        raise RulesError(f"{file.name}: Severity is '{severity}'; one of {', '.join(SEVERITIES)} was expected.")
    written = [parameter(file, line) for line in parts.get("Parameters", []) if line.startswith("$")]
    opening = [replace(one, default=opens(one)) for one in written]
    return Rule(
        name=file.stem,
        query=replace(query, parameters=tuple(opening)),
        severity=severity,
        fires=words(parts["Fires"]),
        silent=words(parts["Silent"]),
        do=words(parts["Do"]),
        needs=tuple(need(file, line) for line in parts.get("Needs", []) if line),
        closing={one.name: closes(one) for one in written if one.default and CLOSES in one.default},
        page=words(parts.get("Page", [])) or "health",
    )


def words(lines: Sequence[str]) -> str:
    """Joins a section's lines."""
    return " ".join(line for line in lines if line)


def opens(one: Parameter) -> str | None:
    """Gives a parameter's level to open."""
    return one.default.partition(CLOSES)[0] if one.default else one.default


def closes(one: Parameter) -> str:
    """Gives a parameter's level to close."""
    assert one.default is not None
    return one.default.partition(CLOSES)[2]


def need(file: Path, line: str) -> Need:
    """Reads a line such as `events  24 hours`."""
    found = NEED.match(line)
    if found is None:
        raise RulesError(f"{file.name}: '{line}' under Needs; 'events 24 hours' or the like was expected.")
    return Need(found["source"], int(found["hours"]))


def askings(rule: Rule, overrides: Mapping[str, Any]) -> list[Asking]:
    """Gives how a rule is to be asked: for every app that rules.toml names, and for all the others.

    `overrides` is what rules.toml says: {rule: {parameter: value, app = {Cerby: {…}}}}.
    """
    general = dict(overrides.get(rule.name, {}))
    apps = dict(general.pop("app", {}))
    made = [asking(rule, general | own, frozenset([app])) for app, own in apps.items()]
    return [*made, asking(rule, general, None)]


def asking(rule: Rule, said: Mapping[str, Any], apps: frozenset[str] | None) -> Asking:
    """Makes one asking of what rules.toml says; a parameter set to [open, close] sets both levels."""
    given = {name: held for name, held in said.items() if name not in KNOWN}
    opening = {name: held[0] if isinstance(held, list) else held for name, held in given.items()}
    closing = dict(rule.closing) | {name: held[-1] if isinstance(held, list) else held for name, held in given.items()}
    return Asking(
        rule,
        said.get("severity", rule.severity),
        {one.name: value(rule.query, one, opening.get(one.name)) for one in asked(rule)},
        {one.name: value(rule.query, one, closing.get(one.name)) for one in asked(rule)},
        apps,
        bool(said.get("silent", False)),
    )


def asked(rule: Rule) -> list[Parameter]:
    """Gives a rule's parameters but the instant, which whoever checks gives."""
    return [one for one in rule.query.parameters if one.name != "at"]


def read_overrides(file: Path) -> dict[str, Any]:
    """Reads rules.toml; nothing where there is no such file. Raises RulesError with file, key and what was expected."""
    if not file.exists():
        return {}
    try:
        said: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{file} is no TOML: {error}.") from None
    for name, own in said.items():
        try:
            judge(find_rule(name), own)
        except (RulesError, WrongValue) as error:
            raise RulesError(f"{file}: [{name}] {error}") from None
    return said


def judge(rule: Rule, own: object) -> None:
    """Refuses what rules.toml may not say of a rule."""
    if not isinstance(own, dict):
        raise RulesError("stands alone; a table was expected.")
    known = {one.name for one in asked(rule)} | {*KNOWN, "app"}
    for table in (own, *own.get("app", {}).values()):
        for key in table:
            if key not in known:
                raise RulesError(f"{key} is nothing of this rule; it has {', '.join(sorted(known))}.")
        if table.get("severity", rule.severity) not in SEVERITIES:
            raise RulesError(f"severity is '{table['severity']}'; one of {', '.join(SEVERITIES)} was expected.")
    askings(rule, {rule.name: own})


def write_override(file: Path, rule: Rule, said: Mapping[str, Any], app: str | None = None) -> None:
    """Makes rules.toml say of a rule, for all apps or for one, just what is given; nothing takes its table out.

    Only the one table is written anew, its comments kept, and the file is replaced as a whole. Raises RulesError where
    a value is wrong or the table is written in another way than under a heading of its own; then nothing changes.
    """
    before = read_overrides(file)
    wanted = {name: dict(own) for name, own in before.items()}
    own = wanted.setdefault(rule.name, {})
    apps = dict(own.get("app", {}))
    if app is None:
        own = dict(said)
    else:
        apps = {name: held for name, held in apps.items() if name != app} | ({app: dict(said)} if said else {})
        own.pop("app", None)
    wanted[rule.name] = own | ({"app": apps} if apps else {})
    try:
        judge(rule, wanted[rule.name])
    except WrongValue as error:
        raise RulesError(str(error)) from None
    path = (rule.name,) if app is None else (rule.name, "app", app)
    text = with_table(file.read_text(encoding="utf-8") if file.exists() else "", path, said)
    try:
        same = tomllib.loads(text) == {name: held for name, held in wanted.items() if held}
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise RulesError(
            f"{file}: [{'.'.join(path)}] is written in a way that cannot be changed from here; edit the file."
        )
    replace_file(file, text)


def with_table(text: str, path: tuple[str, ...], said: Mapping[str, Any]) -> str:
    """Gives the text of a TOML file with one table written anew.

    >>> print(with_table("[a]\\n# why\\nx = 1\\n[b]\\n", ("a",), {"x": [5, 3]}), end="")
    [a]
    x = [5, 3]
    # why
    [b]
    """
    made = [
        f"[{'.'.join(key(part) for part in path)}]",
        *(f"{key(name)} = {literal(held)}" for name, held in said.items()),
    ]
    lines = text.splitlines()
    heads = [(number, table) for number, line in enumerate(lines) if (table := heading(line)) is not None]
    begin = next((number for number, table in heads if table == path), None)
    if begin is None:
        return "\n".join([*lines, *([""] if lines else []), *made]) + "\n" if said else text
    end = next((number for number, _ in heads if number > begin), len(lines))
    kept = [line for line in lines[begin + 1 : end] if not line.strip() or line.lstrip().startswith("#")]
    return "\n".join([*lines[:begin], *(made if said else []), *kept, *lines[end:]]) + "\n"


def heading(line: str) -> tuple[str, ...] | None:
    """Gives the table that a line begins, as its keys; None where it begins none."""
    if not line.lstrip().startswith("["):
        return None
    try:
        inner: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(inner, dict) and inner:
        [(name, inner)] = inner.items()
        path.append(name)
    return tuple(path)


def key(name: str) -> str:
    """Writes a key of TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def literal(held: object) -> str:
    """Writes a value of TOML."""
    if isinstance(held, list):
        return f"[{', '.join(literal(one) for one in held)}]"
    return held.isoformat() if isinstance(held, datetime) else json.dumps(held)


def replace_file(file: Path, text: str) -> None:
    """Puts a text in a file's place in one step, so that no reader meets half of it."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise RulesError(f"{file} cannot be written ({error.strerror}); nothing was changed.") from None
