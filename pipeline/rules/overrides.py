"""What rules.toml changes of the health rules: parameters and severity, or a rule silenced, for all apps or for one.

Overrides are the file's tables: {rule: {parameter: value, app = {Cerby: {…}}}}.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.errors import RulesError, WrongValue
from pipeline.config.toml_file import read_toml, replace_file, with_table
from pipeline.rules.rule import SEVERITIES, Rule, find_rule
from pipeline.store.catalog import value

OPTIONS = ("severity", "silent")
"What rules.toml may set of a rule beside its parameters."


@dataclass(frozen=True)
class Variant:
    """A rule with the values that it is evaluated with, for some apps."""

    rule: Rule
    severity: str
    opens: Mapping[str, Any]
    closes: Mapping[str, Any]
    apps: frozenset[str] | None
    "The apps named for it; None for all that no other variant of the rule names."
    silent: bool = False

    @property
    def fires(self) -> str:
        """Returns when the rule fires, with the values in force."""
        return self.rule.fires_with(self.opens)


def variants(rule: Rule, overrides: Mapping[str, Any]) -> list[Variant]:
    """Returns how a rule is to be evaluated: for every app that rules.toml names, and for all the others."""
    general = dict(overrides.get(rule.name, {}))
    apps = dict(general.pop("app", {}))
    named = [variant(rule, general | override, frozenset([app])) for app, override in apps.items()]
    return [*named, variant(rule, general, None)]


def variant(rule: Rule, override: Mapping[str, Any], apps: frozenset[str] | None) -> Variant:
    """Builds one variant; a parameter set to [open, close] sets both levels."""
    given = {name: setting for name, setting in override.items() if name not in OPTIONS}
    levels = {name: setting if isinstance(setting, list) else [setting] for name, setting in given.items()}
    opening = {name: both[0] for name, both in levels.items()}
    closing = dict(rule.closing) | {name: both[-1] for name, both in levels.items()}
    return Variant(
        rule,
        override.get("severity", rule.severity),
        {one.name: value(rule.query, one, opening.get(one.name)) for one in rule.parameters},
        {one.name: value(rule.query, one, closing.get(one.name)) for one in rule.parameters},
        apps,
        bool(override.get("silent", False)),
    )


def is_silenced(rule: Rule, overrides: Mapping[str, Any], app: str | None) -> bool:
    """Whether rules.toml silences a rule for an app, or for what is of none."""
    every = variants(rule, overrides)
    return next((one for one in every if one.apps and app in one.apps), every[-1]).silent


def read_overrides(file: Path) -> dict[str, Any]:
    """Reads rules.toml; empty where there is no such file. Raises RulesError with file, line and what was expected."""
    if not file.exists():
        return {}
    toml = read_toml(file, RulesError)
    for name, override in toml.tables.items():
        try:
            check_override(find_rule(name), override)
        except (RulesError, WrongValue) as error:
            raise RulesError(f"{toml.place(name)}: [{name}] {error}") from None
    return toml.tables


def check_override(rule: Rule, override: object) -> None:
    """Refuses what rules.toml may not set of a rule; raises RulesError or WrongValue."""
    if not isinstance(override, dict):
        raise RulesError("stands alone; a table was expected.")
    allowed = {one.name for one in rule.parameters} | {*OPTIONS, "app"}
    for table in (override, *override.get("app", {}).values()):
        for key in table:
            if key not in allowed:
                raise RulesError(f"{key} is nothing of this rule; it has {', '.join(sorted(allowed))}.")
        if table.get("severity", rule.severity) not in SEVERITIES:
            raise RulesError(f"severity is '{table['severity']}'; one of {', '.join(SEVERITIES)} was expected.")
    variants(rule, {rule.name: override})


def write_override(file: Path, rule: Rule, values: Mapping[str, Any], app: str | None = None) -> None:
    """Sets what rules.toml says of a rule, for all apps or for one, to just these values; none takes its table out.

    Only the one table is changed, its comments kept, and the file is replaced as a whole. Raises RulesError where a
    value is wrong or the table is written in a way that cannot be changed; then nothing changes.
    """
    wanted = {name: dict(override) for name, override in read_overrides(file).items()}
    apps = dict(wanted.get(rule.name, {}).get("app", {}))
    if app is None:
        wanted[rule.name] = {**values, "app": apps}
    else:
        wanted[rule.name] = {**wanted.get(rule.name, {}), "app": {**apps, app: dict(values)}}
    try:
        check_override(rule, wanted[rule.name])
    except WrongValue as error:
        raise RulesError(str(error)) from None
    path = (rule.name,) if app is None else (rule.name, "app", app)
    text = with_table(file.read_text(encoding="utf-8") if file.exists() else "", path, values)
    if text is None or filled(tomllib.loads(text)) != filled(wanted):
        raise RulesError(
            f"{file}: [{'.'.join(path)}] is written in a way that cannot be changed from here; edit the file."
        )
    replace_file(file, text, RulesError)


def filled(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out tables that hold nothing.

    >>> filled({"quarantined": {"app": {"Cerby": {}}}, "silence": {"silent": True}})
    {'silence': {'silent': True}}
    """
    pruned = {name: filled(inner) if isinstance(inner, Mapping) else inner for name, inner in tables.items()}
    return {name: inner for name, inner in pruned.items() if inner != {}}
