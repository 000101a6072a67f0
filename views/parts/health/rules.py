"""The rules: what each found last, how one is set, and what other values would have found on history."""

import re
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.errors import RulesError, StoreError, WrongValue
from pipeline.config.settings import read_settings
from pipeline.config.wording import count, instant, span
from pipeline.rules.backtest import Backtest, backtest
from pipeline.rules.needs import read_extents
from pipeline.rules.overrides import check_override, read_overrides, write_override
from pipeline.rules.rule import SEVERITIES, Rule, find_rule, rules
from pipeline.store.catalog import value
from views.charts.health import firing_strip
from views.frame.chart import chart
from views.frame.data import ask, records, store
from views.frame.filters import bar
from views.frame.look import chips, plain
from views.frame.state import RULE_REPLAY, Key, Word, write_word
from views.frame.table import BLANK, chips_column, number_column, table, text_column, time_columns

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
ALL = "All apps"
REPLAYS = 168
"How often a rule is evaluated on history unless set otherwise: hourly over a week."


def read_rules_file() -> dict[str, Any]:
    """Reads rules.toml; raises RulesError."""
    return read_overrides(Path(read_settings().rules))


def missing_data(rule: Rule, outcome: str, ran_at: Any) -> str:
    """Writes what was missing where a rule is unknown."""
    return "; ".join(read_extents(store(), ran_at, rule.needs).gaps(rule.needs)) if outcome == "unknown" else ""


def changes_text(override: Mapping[str, Any]) -> str:
    """Writes in one line what rules.toml changes of a rule."""
    own = [f"{name} {level}" for name, level in override.items() if name != "app"]
    apps = override.get("app", {}).items()
    return "; ".join([*own, *(f"{app}: {changes_text(levels)}" for app, levels in apps)])


def rules_table(runs: pd.DataFrame, overrides: Mapping[str, Any]) -> None:
    """Draws one row a rule; a selected one is opened below."""
    ran = {row["rule"]: row for row in runs.to_dict("records")}
    rows = pd.DataFrame(
        [
            {
                "rule": name,
                "question": rule.question,
                "severity": rule.severity,
                "outcome": ran.get(name, {}).get("outcome", "never asked"),
                "ran_at": ran.get(name, {}).get("ran_at", pd.NaT),
                "findings": ran.get(name, {}).get("findings"),
                "found_at": ran.get(name, {}).get("found_at", pd.NaT),
                "changed": changes_text(overrides.get(name, {})),
            }
            for name, rule in rules().items()
        ]
    )
    rows["chip"] = chips(
        rows["outcome"].map({"ok": "silent", "found": "finds", "failed": "rule failed"}.get).fillna(rows["outcome"])
    )
    rows["missing"] = [missing_data(rules()[row["rule"]], row["outcome"], row["ran_at"]) for row in records(rows)]
    columns = {
        "question": text_column("Question", pinned=True, width="large"),
        "severity": text_column("Severity"),
        "chip": chips_column("Last answer"),
        "findings": number_column("Findings"),
        "missing": text_column("Missing for an answer", width="medium"),
        **time_columns(ran_at="Asked as of", found_at="Last found something"),
        "changed": text_column("By rules.toml"),
        "rule": text_column("Name"),
    }
    table(
        rows, columns, Key.RULES, on_select=lambda row: write_word(Word.RULE, None if row is None else str(row["rule"]))
    )
    st.caption("Select a rule to see what it says, try it on history and change it.")


def draw_rule(name: str, overrides: Mapping[str, Any]) -> None:
    """Draws the rule that the address names, or a sentence where there is none."""
    try:
        rule = find_rule(name)
    except RulesError as error:
        st.warning(plain(str(error)))
        return
    st.subheader(rule.question, anchor="rule")
    needs = ", ".join(map(str, rule.needs)) or "nothing in particular"
    for heading, text in (("Fires", rule.fires), ("Stays silent", rule.silent), ("Do", rule.do), ("Needs", needs)):
        st.markdown(f"**{heading}** {plain(text)}")
    with st.expander("Its SQL", icon=":material/code:", type="compact"):
        st.code(rule.query.sql, language="sql")
    with st.expander("Its runbook section", icon=":material/menu_book:", type="compact"):
        st.markdown(runbook(rule.name) or "The runbook does not speak of it.")
    draw_parameters(rule, overrides)


def runbook(name: str) -> str:
    """Returns a rule's section of the runbook; nothing where it has none."""
    text = RUNBOOK.read_text(encoding="utf-8") if RUNBOOK.exists() else ""
    section = re.search(rf"^## `{re.escape(name)}`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return section[1].strip() if section else ""


def draw_parameters(rule: Rule, overrides: Mapping[str, Any]) -> None:
    """Draws what a rule is set to, tries other values on history, and saves what was tried."""
    own = dict(overrides.get(rule.name, {}))
    apps = sorted({*ask("jobs")["app_name"].dropna(), *own.get("app", {})})
    scope = st.selectbox("For", [ALL, *apps], key=Key.RULE_SCOPE.of(rule.name), width=240)
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
    with st.container(horizontal=True, vertical_alignment="bottom"):
        hours = st.number_input(
            "Hours between two askings", 1, 168, usual_step(), key=Key.REPLAY_STEP.of(rule.name), width=220
        )
        if st.button("Try on history", key=Key.REPLAY, icon=":material/history:"):
            replay(rule, tried, timedelta(hours=int(hours)))
        done = RULE_REPLAY.get()
        same = done is not None and done[0] == (rule.name, tried)
        if st.button(
            "Save to rules.toml", key=Key.SAVE_RULE, icon=":material/save:", disabled=not same, help="Try it first"
        ):
            save(rule, entered, app)
    if same and done is not None:
        draw_replay(done[1])


def inputs(rule: Rule, levels_now: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """Draws a rule's settings and returns those that differ from its file; raises WrongValue."""
    entered: dict[str, Any] = {}
    for one in rule.parameters:
        standard = [one.default or "", *([rule.closing[one.name]] if one.name in rule.closing else [])]
        now = levels_now.get(one.name, standard)
        levels = now if isinstance(now, list) else [now] * len(standard)
        names = ["opens at", "closes at"][: len(levels)] if len(levels) > 1 else [""]
        with st.container(horizontal=True):
            given = [
                st.text_input(
                    f"{one.name} {name}".strip(),
                    str(level),
                    key=Key.RULE_SETTING.of(rule.name, scope, one.name, name or "value"),
                    help=one.meaning,
                )
                for name, level in zip(names, levels, strict=True)
            ]
        read = [value(rule.query, one, each) for each in given]
        if read != [value(rule.query, one, each) for each in standard]:
            entered[one.name] = read if len(read) > 1 else read[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = SEVERITIES.index(levels_now.get("severity", rule.severity))
        severity = st.selectbox("Severity", SEVERITIES, usual, key=Key.RULE_SEVERITY.of(rule.name, scope), width=160)
        silent = st.toggle("Silent", bool(levels_now.get("silent", False)), key=Key.RULE_SILENT.of(rule.name, scope))
    entered |= {"severity": severity} if severity != rule.severity else {}
    entered |= {"silent": True} if silent else {"silent": False} if levels_now.get("silent") and scope != ALL else {}
    return entered


def usual_step() -> int:
    """Returns the hours between two evaluations, so that the bar's window takes a bearable number of them."""
    return max(1, min(168, ceil((bar().until - bar().since).total_seconds() / 3600 / REPLAYS)))


def replay(rule: Rule, tried: Mapping[str, Any], step: timedelta) -> None:
    """Replays the bar's window."""
    progress = st.progress(0.0, f"Asking {rule.name} on history")

    def advance(share: float) -> None:
        progress.progress(min(1.0, share))

    try:
        check_override(rule, tried[rule.name])
        tested = backtest(store(), rule, tried, bar().since, bar().until, step, advance)
        RULE_REPLAY.set(((rule.name, dict(tried)), tested))
    except (RulesError, WrongValue, StoreError) as error:
        st.error(plain(str(error)), icon=":material/error:")
    finally:
        progress.empty()


def save(rule: Rule, entered: Mapping[str, Any], app: str | None) -> None:
    """Saves what was entered in rules.toml."""
    file = Path(read_settings().rules)
    try:
        write_override(file, rule, entered, app)
    except RulesError as error:
        st.error(plain(str(error)), icon=":material/error:")
    else:
        st.success(f"Saved to `{file}`; the next check obeys it.", icon=":material/check_circle:")


def draw_replay(tested: Backtest) -> None:
    """Draws what a replay found."""
    leads = tested.leads_s
    lead = f" Lead time: median {span(int(median(leads)))}, shortest {span(leads[0])}." if leads else ""
    st.markdown(
        f"**Asked {count(tested.evaluations, 'time')} from {instant(tested.since)} until {instant(tested.until)}, it "
        f"fired {count(len(tested.firings), 'time')}; {tested.warned} of {count(tested.quarantines, 'quarantine')} "
        f"came after a firing; {count(tested.false_alarms, 'firing')} followed by none within 7 days.**{lead}"
    )
    quarantines = ask("quarantine_history")
    chart(Key.FIRINGS, firing_strip, tested.firings, quarantines, tested.since, tested.until)
    if tested.firings:
        rows = pd.DataFrame([vars(one) for one in tested.firings])
        rows["lead"] = [BLANK if one.lead_s is None else span(one.lead_s) for one in tested.firings]
        rows["closed_at"] = pd.to_datetime(rows["closed_at"])
        columns = {
            "summary": text_column("What", width="large"),
            **time_columns(fired_at="Fired", began_at="Began", closed_at="Closed"),
            "lead": text_column("Lead", help="From its firing to the quarantine that followed"),
        }
        table(rows, columns)
