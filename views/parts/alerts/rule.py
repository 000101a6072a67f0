"""One alert rule in the side panel: what it alerts on, what to do, its thresholds with a backtest, and saving them."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.errors import ProvisioningError, RulesError, WrongValue
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, is_missing
from pipeline.rules.checked_apps import CheckedApps
from pipeline.rules.overrides import check_override, write_override
from pipeline.rules.rule import SEVERITIES, Need, Rule, find_rule
from pipeline.store.catalog import Parameter, value
from views.frame import state
from views.frame.data import Row, ask, records, store
from views.frame.filters import bar
from views.frame.look import labelled, plain
from views.frame.places import page_link
from views.frame.state import RULE_REPLAY, Key
from views.parts.alerts.backtest import Run, draw_run
from views.parts.alerts.rules import apps_of_run, in_force, meaning_of, read_rules_file, signs
from views.parts.people.status import in_code

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
ALL = "All apps"
EVALUATIONS = 168
"How often a rule is evaluated in a backtest unless set otherwise: hourly over a week."
NAMED = 10
"Apps that are named; of the others their number is."
SOURCES = {"events": "provisioning logs", "jobs": "job status", "exchanges": "the app's SCIM log"}


def draw_rule(name: str, rows: pd.DataFrame) -> None:
    """Draws a rule, or a sentence where there is none of that name, or its file cannot be read."""
    try:
        rule = find_rule(name)
        facts = st.container()
        draw_parameters(rule, read_rules_file())
        with facts:
            draw_facts(rule, records(rows[rows["rule"] == rule.name])[0], read_rules_file())
    except RulesError as error:
        st.warning(plain(str(error)), icon=":material/help:")
        return
    with st.expander("What it does not cover", type="compact"):
        st.markdown(f"No alert {plain(rule.silent)}")
        st.markdown(f"Needs {plain(needs_text(rule))}.")
    with st.expander("Runbook", type="compact"):
        st.markdown(runbook(rule.name) or "The runbook has no section on this rule.")
    with st.expander("SQL", type="compact"):
        st.caption(rule.query.question)
        st.code(rule.query.sql, language=None)


def draw_facts(rule: Rule, row: Row, overrides: Mapping[str, Any]) -> None:
    """Draws a rule's state, when it alerts by the values in force, and what to do then."""
    parts = [labelled(row["word"]), row["severity"]]
    parts += [] if is_missing(row["ran_at"]) else [f"last run {instant(row['ran_at'])}"]
    if row["word"] != "firing" and not is_missing(row["found_at"]):
        parts.append(f"last fired {instant(row['found_at'])}")
    st.markdown(" · ".join(parts))
    if row["word"] == "firing":
        page_link("issues", f"{count(row['findings'], 'finding')} on Issues", ":material/error:", bar().words)
    if not is_missing(row["ran_at"]):
        draw_checked(apps_of_run(rule, row["ran_at"], overrides))
    fires = rule.fires_with(in_force(rule, overrides).opens)
    st.markdown(f"**Alerts** {plain(fires)}")
    st.markdown(f"**What to do.** {plain(rule.do)}")


def draw_checked(apps: CheckedApps) -> None:
    """Draws what the rule could not check at its last run for want of data, and what has nothing to check."""
    if apps.missing:
        st.markdown(f"**Not checked, data is missing.** {plain(names_in(apps.missing, '; '))}.")
    if apps.absent:
        st.markdown(f"**Nothing to check.** {plain(names_in(apps.absent, '; '))}.")


def names_in(texts: Collection[str], between: str = ", ") -> str:
    """Writes texts in order, the first of many.

    >>> names_in({"Zoom", "Cerby"}), names_in([str(each) for each in range(14)])
    ('Cerby, Zoom', '0, 1, 10, 11, 12, 13, 2, 3, 4, 5 and 4 more')
    """
    shown = between.join(sorted(texts)[:NAMED])
    return f"{shown} and {len(texts) - NAMED} more" if len(texts) > NAMED else shown


def needs_text(rule: Rule) -> str:
    """Writes which data a rule needs to say OK."""
    return "; ".join(need_text(one) for one in rule.needs) or "no data in particular"


def need_text(need: Need) -> str:
    """Writes one source that a rule needs.

    >>> need_text(Need("jobs", 24)), need_text(Need("exchanges", 24, newest=True))
    ('job status for the last 24 hours', "the app's SCIM log from within the last 24 hours")
    """
    return f"{SOURCES[need.source]} {'from within' if need.newest else 'for'} the last {count(need.hours, 'hour')}"


def runbook(name: str) -> str:
    """Returns a rule's section of the runbook; nothing where it has none."""
    text = RUNBOOK.read_text(encoding="utf-8") if RUNBOOK.exists() else ""
    section = re.search(rf"^## `{re.escape(name)}`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return section[1].strip() if section else ""


def draw_parameters(rule: Rule, overrides: Mapping[str, Any]) -> None:
    """Draws a rule's thresholds, backtests other values, and saves them."""
    st.subheader("Thresholds", anchor=False)
    own = dict(overrides.get(rule.name, {}))
    apps = sorted({*ask("jobs")["app_name"].dropna(), *own.get("app", {})})
    scope = st.selectbox("Applies to", [ALL, *apps], key=Key.RULE_SCOPE.of(rule.name), width=240)
    app = None if scope == ALL else scope
    try:
        entered = inputs(rule, own if app is None else own | own.get("app", {}).get(app, {}), scope)
    except WrongValue as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    general = {name: level for name, level in own.items() if name != "app"}
    entered = {name: level for name, level in entered.items() if app is None or general.get(name) != level}
    others = dict(own.get("app", {})) | ({app: entered} if app else {})
    tried = {rule.name: (entered if app is None else general) | ({"app": others} if others else {})}
    with st.container(horizontal=True, vertical_alignment="center"):
        saved = st.button("Save", key=Key.SAVE_RULE, icon=":material/save:", type="primary")
        st.caption(f"Saves to `{rules_path()}`, for every store that is served with this file.")
    if saved:
        save(rule, entered, app)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Backtest", key=Key.REPLAY, icon=":material/history:", help=backtest_help()):
            start(rule, tried, timedelta(hours=int(state.value(Key.REPLAY_STEP.of(rule.name)) or usual_step())))
        st.number_input(
            "Evaluate every (h)",
            1,
            168,
            usual_step(),
            key=Key.REPLAY_STEP.of(rule.name),
            width=250,
        )
    draw_run((rule.name, tried))


def backtest_help() -> str:
    """Writes which period a backtest covers."""
    return f"Evaluates the rule with these values from {instant(bar().since)} to {instant(bar().until)}."


def inputs(rule: Rule, levels_now: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """Draws a rule's settings and returns those that differ from its file; raises WrongValue."""
    entered: dict[str, Any] = {}
    for one in rule.parameters:
        standard = [one.default or "", *([rule.closing[one.name]] if one.name in rule.closing else [])]
        now = levels_now.get(one.name, standard)
        levels = now if isinstance(now, list) else [now] * len(standard)
        read = [value(rule.query, one, text) for text in level_inputs(rule, one, levels, standard, scope)]
        if read != [value(rule.query, one, each) for each in standard]:
            entered[one.name] = read if len(read) > 1 else read[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = SEVERITIES.index(levels_now.get("severity", rule.severity))
        severity = st.selectbox(
            "Severity",
            SEVERITIES,
            usual,
            format_func=str.capitalize,
            key=Key.RULE_SEVERITY.of(rule.name, scope),
            width=160,
        )
        muted = st.toggle(
            "Mute",
            bool(levels_now.get("silent", False)),
            key=Key.RULE_SILENT.of(rule.name, scope),
            help="A muted rule opens no incident and sends no message.",
        )
    entered |= {"severity": severity} if severity != rule.severity else {}
    entered |= {"silent": True} if muted else {"silent": False} if levels_now.get("silent") and scope != ALL else {}
    return entered


def level_inputs(rule: Rule, one: Parameter, levels: list[Any], standard: list[Any], scope: str) -> list[Any]:
    """Draws the fields of one parameter: one, or the levels at which the rule alerts and clears."""
    parts, labels, width = ["value"], [sentence_case(one.meaning)], 454
    if len(levels) > 1:
        alert, clear = signs(one, *(value(rule.query, one, level) for level in standard))
        parts, labels, width = ["opens at", "closes at"], [f"Alert when {alert}", f"Clear when {clear}"], 220
        st.caption(meaning_of(one))
    keys = [Key.RULE_SETTING.of(rule.name, scope, one.name, part) for part in parts]
    with st.container(horizontal=True):
        return [
            level_input(one, label, value(rule.query, one, level), key, width)
            for label, level, key in zip(labels, levels, keys, strict=False)
        ]


def level_input(one: Parameter, label: str, level: Any, key: str, width: int) -> Any:
    """Draws one field: a whole number, a number, or a text."""
    more: dict[str, Any] = {"key": key, "help": f"{one.name} in rules.toml", "width": width}
    if one.type == "BIGINT":
        return st.number_input(label, 0, None, int(level), step=1, **more)
    if one.type == "DOUBLE":
        return st.number_input(label, 0.0, None, float(level), step=0.05, format="%g", **more)
    return st.text_input(label, str(level), **more)


def sentence_case(text: str) -> str:
    """Writes a text with a capital first letter.

    >>> sentence_case("hours looked back")
    'Hours looked back'
    """
    return text[:1].upper() + text[1:]


def usual_step() -> int:
    """Returns the hours between two evaluations, so that the bar's window takes a bearable number of them."""
    return max(1, min(168, ceil((bar().until - bar().since).total_seconds() / 3600 / EVALUATIONS)))


def start(rule: Rule, tried: Mapping[str, Any], step: timedelta) -> None:
    """Starts a backtest of the bar's time range."""
    try:
        check_override(rule, tried[rule.name])
    except (RulesError, WrongValue) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    running: Run | None = RULE_REPLAY.get()
    if running is not None:
        running.cancel()
    RULE_REPLAY.set(Run(store(), rule, tried, bar().since, bar().until, step))


def save(rule: Rule, entered: Mapping[str, Any], app: str | None) -> None:
    """Saves what was entered in rules.toml, and says so; the table behind follows when the panel is closed."""
    file = Path(read_settings().rules)
    try:
        write_override(file, rule, entered, app)
    except ProvisioningError as error:
        st.error(plain(str(error)), icon=":material/error:")
    else:
        st.info(f"Saved to `{rules_path()}`. The next check uses it.", icon=":material/save:")


def rules_path() -> str:
    """Returns the full path of the file of rules."""
    return in_code(Path(read_settings().rules).resolve())
