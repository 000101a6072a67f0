"""Alert rules: the table of all of them, with each rule's state and the levels at which it alerts and clears."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, is_missing, share
from pipeline.rules.checked_apps import CheckedApps, checked_apps, is_unchecked, rule_state
from pipeline.rules.findings import Finding, finding_of
from pipeline.rules.needs import read_extents
from pipeline.rules.overrides import Variant, is_silenced, read_overrides, variants
from pipeline.rules.rule import Rule, rules
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_text import unchecked_text
from pipeline.store.catalog import Parameter, value
from views.frame.data import Row, ask, records, store
from views.frame.look import chips, look
from views.frame.panel import show_sql
from views.frame.state import Key, Word, write_word
from views.frame.table import BLANK, HEAD_PX, ROW_PX, chips_column, number_column, table, text_column, time_columns
from views.frame.verdict import current_facts, draw_box
from views.parts.alerts.incidents import symptoms_of

ORDER = ("firing", "rule failed", "not run", "never run", "partly run", "nothing to check", "not firing", "muted")
IN_SUMMARY = {"nothing to check": "with nothing to check"}
"States that need another word behind a number."
AT_LEAST = re.compile(r", at (?:least|most)$")
PLURAL = re.compile(r"^(\w+?)(?:(?<=ss)es|s)\b")


def read_rules_file() -> dict[str, Any]:
    """Reads rules.toml; raises RulesError."""
    return read_overrides(Path(read_settings().rules))


def apps_of_run(rule: Rule, at: datetime, overrides: Mapping[str, Any]) -> CheckedApps:
    """Returns which apps one rule could check at its last run, by the data that there is of then."""
    unjudged: list[Finding] = []
    if rule.query.columns.keys() & {"unknown", "unwatched"}:
        moment = [at] if rule.takes_many else at
        rows = store().ask(rule.query.sql, {**in_force(rule, overrides).opens, "at": moment}).to_pylist()
        unjudged = [one for one in map(finding_of, rows) if one.unknown is not None]
    return checked_apps(rule, read_extents(store(), at, rule.needs), unjudged)


def checked_text(apps: object, unchecked: object, unwatched: object) -> str:
    """Writes how many apps a rule could check.

    >>> [checked_text(*each) for each in ((3, 1, 0), (1, 0, 0), (0, 0, 1), (None, None, None))]
    ['2 of 3 apps', 'All apps', '–', '–']
    """
    amount, *others = (0 if is_missing(each) else int(str(each)) for each in (apps, unchecked, unwatched))
    if not amount:
        return BLANK
    return f"{amount - sum(others):,} of {count(amount, 'app')}" if sum(others) else "All apps"


def changes_text(rule: Rule, override: Mapping[str, Any]) -> str:
    """Writes in one line what rules.toml changes of a rule."""
    own = [change_text(rule, name, setting) for name, setting in override.items() if name != "app"]
    apps = override.get("app", {}).items()
    return "; ".join([*own, *(f"{app}: {changes_text(rule, levels)}" for app, levels in apps if levels)])


def change_text(rule: Rule, name: str, setting: Any) -> str:
    """Writes one thing that rules.toml changes of a rule, with what it is otherwise."""
    if name == "severity":
        return f"Severity {str(setting).capitalize()} (default {rule.severity.capitalize()})"
    if name == "silent":
        return "Muted" if setting else "Not muted"
    parameter = next(one for one in rule.parameters if one.name == name)
    level, usual = (
        level_text(parameter, value(rule.query, parameter, each))
        for each in (setting[0] if isinstance(setting, list) else setting, None)
    )
    return f"{meaning_of(parameter)} {level} (default {usual})"


def in_force(rule: Rule, overrides: Mapping[str, Any]) -> Variant:
    """Returns what a rule is evaluated with, for all apps that rules.toml does not name."""
    return variants(rule, overrides)[-1]


def threshold(rule: Rule) -> Parameter | None:
    """Returns the parameter that the table shows a level of; None where a rule alerts on any finding."""
    closing = [one for one in rule.parameters if one.name in rule.closing]
    return next((one for one in (*closing, *rule.parameters) if one in closing or one.name == "least"), None)


def signs(parameter: Parameter, opens: Any, closes: Any) -> tuple[str, str]:
    """Returns how a value compares with its level where the rule alerts, and where it clears."""
    if closes <= opens:
        return "≥", "<"
    return ("≤", ">") if "at most" in parameter.meaning else ("<", "≥")


def level_text(parameter: Parameter, level: Any) -> str:
    """Writes a level as a number, a share or a factor."""
    if parameter.meaning.startswith(("share", "the share")):
        return share(float(level))
    return f"{level:,g}×" if parameter.meaning.startswith("times") else f"{level:,g}"


def unit_of(parameter: Parameter, level: Any) -> str:
    """Returns what a level counts; nothing behind a share or a factor."""
    if parameter.meaning.startswith(("share", "the share", "times")):
        return ""
    noun = AT_LEAST.sub("", parameter.meaning)
    one = PLURAL.sub(r"\1", noun.replace("users and groups", "user or group"))
    return f" {one if level == 1 else noun}"


def meaning_of(parameter: Parameter) -> str:
    """Returns what a parameter is, with a capital first letter and without the sign that stands beside it."""
    text = AT_LEAST.sub("", parameter.meaning)
    return text[:1].upper() + text[1:]


def levels(rule: Rule, overrides: Mapping[str, Any]) -> tuple[str, str]:
    """Writes at which level a rule alerts, and at which it clears."""
    one, used = threshold(rule), in_force(rule, overrides)
    if one is None:
        return "Any", "None left"
    opens, closes = used.opens[one.name], used.closes[one.name]
    alert, clear = signs(one, opens, closes)
    return f"{alert} {level_text(one, opens)}{unit_of(one, opens)}", f"{clear} {level_text(one, closes)}"


def rule_rows(runs: pd.DataFrame, overrides: Mapping[str, Any]) -> pd.DataFrame:
    """Returns a row for each rule, those that are firing first."""
    ran = {row["rule"]: row for row in records(runs)}
    since = firing_since()
    rows = [
        rule_row(rule, ran.get(name, {}), overrides) | {"since": since.get(name, pd.NaT)}
        for name, rule in rules().items()
    ]
    rows.sort(key=lambda row: (ORDER.index(row["word"]), row["title"]))
    return pd.DataFrame(rows)


def firing_since() -> dict[str, pd.Timestamp]:
    """Returns when the oldest open incident of each rule began."""
    roots = records(ask("open_incidents", job=None))
    found = [(row["rule"], row["opened_at"]) for root in roots for row in (root, *symptoms_of(root))]
    return {rule: min(at for name, at in found if name == rule) for rule, _ in found}


def rule_row(rule: Rule, run: Row, overrides: Mapping[str, Any]) -> Row:
    """Returns one rule's state and levels."""
    alert, clear = levels(rule, overrides)
    sizes = [None if is_missing(run.get(name)) else int(run[name]) for name in ("apps", "unchecked", "unwatched")]
    outcome = str(run.get("outcome", ""))
    word = rule_state(outcome, *sizes)
    return {
        "rule": rule.name,
        "title": rule.title,
        "word": "muted" if is_silenced(rule, overrides, None) else word,
        "checked": checked_text(*sizes),
        "severity": in_force(rule, overrides).severity.capitalize(),
        "alert": alert,
        "clear": clear,
        "findings": None if word in ("not run", "nothing to check") else run.get("findings"),
        "ran_at": run.get("ran_at", pd.NaT),
        "found_at": run.get("found_at", pd.NaT),
        "changed": changes_text(rule, overrides.get(rule.name, {})),
        "is_unchecked": is_unchecked(outcome, *sizes[1:]),
    }


def summary(rows: pd.DataFrame) -> str:
    """Writes how many rules are in each state, and when they ran."""
    amounts = rows["word"].value_counts()
    ran_at = rows["ran_at"].max()
    if is_missing(ran_at):
        return f"**None of {count(len(rows), 'rule')} has run yet.**"
    firing = count(amounts.get("firing", 0), "rule is firing", "rules are firing")
    parts = [f"**{firing}**, {amounts.get('not firing', 0)} OK"]
    others = [word for word in ORDER if word not in ("firing", "not firing") and amounts.get(word, 0)]
    parts += [f"{amounts[word]} {IN_SUMMARY.get(word, look(word).label.lower())}" for word in others]
    return f"{', '.join(parts)}. Last run {instant(ran_at)}."


def unchecked_sentence(rows: pd.DataFrame) -> str:
    """Writes how many rules could not check every app; empty where each could."""
    lacking = int(rows["is_unchecked"].sum())
    return f"{unchecked_text(lacking)}: data is missing." if lacking else ""


def rules_table(overrides: Mapping[str, Any]) -> pd.DataFrame:
    """Draws the summary and one row a rule, whose name opens it; returns the rows."""
    rows = rule_rows(ask("rule_runs_lately"), overrides)
    facts = current_facts()
    draw_box(verdict(facts), summary(rows), facts)
    show_sql(rule_runs_lately={}, open_incidents={})
    columns = {
        "title": text_column("Rule", width="medium"),
        "state": chips_column("State", width=128),
        "checked": text_column(
            "Checked", width="small", help="Apps that the rule could check: data was there, and something to check"
        ),
        "severity": text_column("Severity", width="small"),
        "alert": text_column("Alert when", width="medium"),
        "clear": text_column("Clear when", width="small"),
        "findings": number_column("Findings", width="small"),
        **time_columns(since="Firing since"),
        "changed": text_column("Changed by rules.toml", width="large"),
    }
    if not rows["changed"].any():
        del columns["changed"]
    shown = rows.assign(state=chips(rows["word"]))
    table(
        shown,
        columns,
        Key.RULES,
        height=HEAD_PX + ROW_PX * len(shown) + 2,
        opens="title",
        on_open=lambda row: write_word(Word.RULE, str(row["rule"])),
    )
    lacking = unchecked_sentence(rows)
    open_one = "Open a rule to see which, what it alerts on" if lacking else "Open a rule to see what it alerts on"
    st.caption(f"{lacking} {open_one}, and to change its thresholds.".lstrip())
    return rows
