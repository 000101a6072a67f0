"""Alert rules: the table of all of them, with each rule's state and the levels at which it alerts and clears."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, is_missing, share
from pipeline.rules.needs import read_extents
from pipeline.rules.overrides import Variant, is_silenced, read_overrides, variants
from pipeline.rules.rule import Rule, rules
from pipeline.store.catalog import Parameter
from views.frame.data import Row, ask, records, store
from views.frame.look import chips, look
from views.frame.panel import show_sql
from views.frame.state import Key, Word, write_word
from views.frame.table import chips_column, number_column, table, text_column, time_columns
from views.frame.verdict import draw_judged

STATES = {"found": "firing", "ok": "not firing", "unknown": "not run", "failed": "rule failed"}
"The word of `look` for each outcome of a run."
ORDER = ("firing", "rule failed", "not run", "never run", "not firing", "muted")


def read_rules_file() -> dict[str, Any]:
    """Reads rules.toml; raises RulesError."""
    return read_overrides(Path(read_settings().rules))


def missing_data(rule: Rule, outcome: str, ran_at: Any) -> str:
    """Writes what was missing where a rule could not run."""
    return "; ".join(read_extents(store(), ran_at, rule.needs).gaps(rule.needs)) if outcome == "unknown" else ""


def changes_text(override: Mapping[str, Any]) -> str:
    """Writes in one line what rules.toml changes of a rule."""
    own = [f"{name} {level}" for name, level in override.items() if name != "app"]
    apps = override.get("app", {}).items()
    return "; ".join([*own, *(f"{app}: {changes_text(levels)}" for app, levels in apps)])


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
    """Writes a level in its unit."""
    if parameter.meaning.startswith(("share", "the share")):
        return share(float(level))
    return f"{level:,g}×" if parameter.meaning.startswith("how many times") else f"{level:,g}"


def levels(rule: Rule, overrides: Mapping[str, Any]) -> tuple[str, str]:
    """Writes at which level a rule alerts, and at which it clears."""
    one, used = threshold(rule), in_force(rule, overrides)
    if one is None:
        return "Any", "None left"
    opens, closes = used.opens[one.name], used.closes[one.name]
    alert, clear = signs(one, opens, closes)
    return f"{alert} {level_text(one, opens)}", f"{clear} {level_text(one, closes)}"


def rule_rows(runs: pd.DataFrame, overrides: Mapping[str, Any]) -> pd.DataFrame:
    """Returns a row for each rule, those that are firing first."""
    ran = {row["rule"]: row for row in records(runs)}
    rows = [rule_row(rule, ran.get(name, {}), overrides) for name, rule in rules().items()]
    rows.sort(key=lambda row: (ORDER.index(row["word"]), row["title"]))
    return pd.DataFrame(rows)


def rule_row(rule: Rule, run: Row, overrides: Mapping[str, Any]) -> Row:
    """Returns one rule's state and levels."""
    outcome = str(run.get("outcome", ""))
    alert, clear = levels(rule, overrides)
    silenced = is_silenced(rule, overrides, None)
    return {
        "rule": rule.name,
        "title": rule.title,
        "word": "muted" if silenced else STATES.get(outcome, "never run"),
        "severity": in_force(rule, overrides).severity.capitalize(),
        "alert": alert,
        "clear": clear,
        "findings": run.get("findings"),
        "ran_at": run.get("ran_at", pd.NaT),
        "found_at": run.get("found_at", pd.NaT),
        "changed": changes_text(overrides.get(rule.name, {})),
        "missing": missing_data(rule, outcome, run.get("ran_at")),
    }


def summary(rows: pd.DataFrame) -> str:
    """Writes how many rules are in each state, and when they ran."""
    amounts = rows["word"].value_counts()
    ran_at = rows["ran_at"].max()
    if is_missing(ran_at):
        return f"**None of {count(len(rows), 'rule')} has run yet.**"
    firing = count(amounts.get("firing", 0), "rule is firing", "rules are firing")
    parts = [f"**{firing}**, {amounts.get('not firing', 0)} OK"]
    others = [word for word in ("not run", "rule failed", "never run", "muted") if amounts.get(word, 0)]
    parts += [f"{amounts[word]} {look(word).label.lower()}" for word in others]
    return f"{', '.join(parts)}. Last run {instant(ran_at)}."


def rules_table(overrides: Mapping[str, Any]) -> pd.DataFrame:
    """Draws the summary and one row a rule, whose name opens it; returns the rows."""
    rows = rule_rows(ask("rule_runs_lately"), overrides)
    draw_judged("all", summary(rows))
    show_sql(rule_runs_lately={})
    columns = {
        "title": text_column("Rule", width="medium"),
        "state": chips_column("State"),
        "severity": text_column("Severity", width="small"),
        "alert": text_column("Alert when", width="small"),
        "clear": text_column("Clear when", width="small"),
        "findings": number_column("Findings", width="small"),
        **time_columns(ran_at="Last run", found_at="Last fired"),
        "changed": text_column("Changed by rules.toml"),
    }
    shown = rows.assign(state=chips(rows["word"]))
    table(
        shown,
        columns,
        Key.RULES,
        at_most=560,
        opens="title",
        on_open=lambda row: write_word(Word.RULE, str(row["rule"])),
    )
    st.caption("Open a rule to see what it alerts on, change its thresholds and backtest them.")
    return rows
