"""The rules: how each last answered, what one says and is set to, and what other values would have given on history."""

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
from pipeline.rules.backtest import Backtest, backtest
from pipeline.rules.needs import unmet_needs
from pipeline.rules.overrides import check_override, read_overrides, write_override
from pipeline.rules.rule import SEVERITIES, Rule, find_rule, rules
from pipeline.store.catalog import value
from views.charts import base
from views.frame.data import BLANK, PLAIN, ask, bar, picked, records, store, times
from views.frame.look import chip_colours, chips, count, plain, span, when

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
ALL = "All apps"
ASKINGS = 168
"How often a rule is asked on history unless told otherwise: hourly over a week."


def said_of() -> dict[str, Any]:
    """Gives what rules.toml says; raises RulesError."""
    return read_overrides(Path(read_settings().rules))


def lacking(rule: Rule, outcome: str, ran_at: Any) -> str:
    """Says what was missing where a rule is unknown."""
    return "; ".join(sorted(unmet_needs(store(), rule.needs, ran_at).values())) if outcome == "unknown" else ""


def changed(held: Mapping[str, Any]) -> str:
    """Says in one line what rules.toml changes of a rule."""
    own = [f"{name} {said}" for name, said in held.items() if name != "app"]
    return "; ".join([*own, *(f"{app}: {changed(said)}" for app, said in held.get("app", {}).items())])


def table(runs: pd.DataFrame, overrides: Mapping[str, Any]) -> None:
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
                "changed": changed(overrides.get(name, {})),
            }
            for name, rule in rules().items()
        ]
    )
    rows["said"] = chips(
        rows["outcome"].map({"ok": "silent", "found": "finds", "failed": "rule failed"}.get).fillna(rows["outcome"])
    )
    rows["missing"] = [lacking(rules()[row["rule"]], row["outcome"], row["ran_at"]) for row in records(rows)]
    labels, colours = chip_colours()
    columns = {
        "question": st.column_config.TextColumn("Question", pinned=True, width="large"),
        "severity": st.column_config.TextColumn("Severity"),
        "said": st.column_config.MultiselectColumn("Last answer", options=labels, color=colours),
        "findings": st.column_config.NumberColumn("Findings", format="localized"),
        "missing": st.column_config.TextColumn("Missing for an answer", width="medium"),
        **times(ran_at="Asked as of", found_at="Last found something"),
        "changed": st.column_config.TextColumn("By rules.toml"),
        "rule": st.column_config.TextColumn("Name"),
    }
    st.dataframe(
        rows,
        column_config=columns,
        column_order=list(columns),
        hide_index=True,
        placeholder=BLANK,
        key="rules",
        on_select=lambda: open_row(rows),
        selection_mode="single-row",
    )
    st.caption("Select a rule to see what it says, try it on history and change it.")


def open_row(rows: pd.DataFrame) -> None:
    """Puts the selected rule into the address."""
    chosen = picked(st.session_state["rules"])
    if chosen is None:
        st.query_params.pop("rule", None)
    else:
        st.query_params["rule"] = str(rows.iloc[chosen]["rule"])


def opened(name: str, overrides: Mapping[str, Any]) -> None:
    """Draws the rule that the address names, or says that there is none."""
    try:
        rule = find_rule(name)
    except RulesError as error:
        st.warning(plain(str(error)))
        return
    st.subheader(rule.question, anchor="rule")
    needs = ", ".join(f"{need.source} of {need.hours} hours" for need in rule.needs) or "nothing in particular"
    for heading, said in (("Fires", rule.fires), ("Stays silent", rule.silent), ("Do", rule.do), ("Needs", needs)):
        st.markdown(f"**{heading}** {plain(said)}")
    with st.expander("Its SQL", icon=":material/code:", type="compact"):
        st.code(rule.query.sql, language="sql")
    with st.expander("Its runbook section", icon=":material/menu_book:", type="compact"):
        st.markdown(runbook(rule.name) or "The runbook does not speak of it.")
    parameters(rule, overrides)


def runbook(name: str) -> str:
    """Gives a rule's section of the runbook; nothing where it has none."""
    text = RUNBOOK.read_text(encoding="utf-8") if RUNBOOK.exists() else ""
    found = re.search(rf"^## `{re.escape(name)}`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def parameters(rule: Rule, overrides: Mapping[str, Any]) -> None:
    """Draws what a rule is set to, tries other values on history, and saves what was tried."""
    own = dict(overrides.get(rule.name, {}))
    apps = sorted({*ask("jobs")["app_name"].dropna(), *own.get("app", {})})
    scope = st.selectbox("For", [ALL, *apps], key=f"scope-{rule.name}", width=240)
    app = None if scope == ALL else scope
    try:
        said = inputs(rule, own if app is None else own | own.get("app", {}).get(app, {}), scope)
    except WrongValue as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    general = {name: held for name, held in own.items() if name != "app"}
    said = {name: held for name, held in said.items() if app is None or general.get(name) != held}
    others = dict(own.get("app", {})) | ({app: said} if app else {})
    tried = {rule.name: (said if app is None else general) | ({"app": others} if others else {})}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        hours = st.number_input("Hours between two askings", 1, 168, usual_step(), key=f"step-{rule.name}", width=220)
        if st.button("Try on history", key="try", icon=":material/history:"):
            replay(rule, tried, timedelta(hours=int(hours)))
        done = st.session_state.get("replayed")
        same = done is not None and done[0] == (rule.name, tried)
        if st.button("Save to rules.toml", key="save", icon=":material/save:", disabled=not same, help="Try it first"):
            save(rule, said, app)
    if same and done is not None:
        result(done[1])


def inputs(rule: Rule, held: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """Draws a rule's settings and gives those that differ from its file; raises WrongValue."""
    said: dict[str, Any] = {}
    for one in rule.parameters:
        standard = [one.default or "", *([rule.closing[one.name]] if one.name in rule.closing else [])]
        now = held.get(one.name, standard)
        levels = now if isinstance(now, list) else [now] * len(standard)
        names = ["opens at", "closes at"][: len(levels)] if len(levels) > 1 else [""]
        place = f"set-{rule.name}-{scope}-{one.name}"
        with st.container(horizontal=True):
            given = [
                st.text_input(
                    f"{one.name} {name}".strip(), str(level), key=f"{place}-{name or 'value'}", help=one.meaning
                )
                for name, level in zip(names, levels, strict=True)
            ]
        read = [value(rule.query, one, each) for each in given]
        if read != [value(rule.query, one, each) for each in standard]:
            said[one.name] = read if len(read) > 1 else read[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = SEVERITIES.index(held.get("severity", rule.severity))
        severity = st.selectbox("Severity", SEVERITIES, usual, key=f"severity-{rule.name}-{scope}", width=160)
        silent = st.toggle("Silent", bool(held.get("silent", False)), key=f"silent-{rule.name}-{scope}")
    said |= {"severity": severity} if severity != rule.severity else {}
    said |= {"silent": True} if silent else {"silent": False} if held.get("silent") and scope != ALL else {}
    return said


def usual_step() -> int:
    """Gives hours between two askings, so that the bar's window takes a bearable number of them."""
    return max(1, min(168, ceil((bar().until - bar().since).total_seconds() / 3600 / ASKINGS)))


def replay(rule: Rule, tried: Mapping[str, Any], step: timedelta) -> None:
    """Replays the bar's window."""
    progress = st.progress(0.0, f"Asking {rule.name} on history")

    def advance(share: float) -> None:
        progress.progress(min(1.0, share))

    try:
        check_override(rule, tried[rule.name])
        found = backtest(
            store(),
            rule,
            tried,
            bar().since,
            bar().until,
            step,
            advance,
        )
        st.session_state["replayed"] = ((rule.name, dict(tried)), found)
    except (RulesError, WrongValue, StoreError) as error:
        st.error(plain(str(error)), icon=":material/error:")
    finally:
        progress.empty()


def save(rule: Rule, said: Mapping[str, Any], app: str | None) -> None:
    """Writes rules.toml."""
    file = Path(read_settings().rules)
    try:
        write_override(file, rule, said, app)
    except RulesError as error:
        st.error(plain(str(error)), icon=":material/error:")
    else:
        st.success(f"Saved to `{file}`; the next check obeys it.", icon=":material/check_circle:")


def result(found: Backtest) -> None:
    """Says and draws what a replay gave."""
    leads = found.leads_s
    lead = f" Lead time: median {span(int(median(leads)))}, shortest {span(leads[0])}." if leads else ""
    st.markdown(
        f"**Asked {count(found.evaluations, 'time')} from {when(found.since)} until {when(found.until)}, it fired "
        f"{count(len(found.firings), 'time')}; {found.warned} of {count(found.quarantines, 'quarantine')} came after a "
        f"firing; {count(found.false_alarms, 'firing')} followed by none within 7 days.**{lead}"
    )
    held = ask("quarantine_history")
    st.plotly_chart(base.strip(found.firings, held, found.since, found.until), config=PLAIN, key="strip")
    if found.firings:
        rows = pd.DataFrame([vars(one) for one in found.firings])
        rows["lead"] = [BLANK if one.lead_s is None else span(one.lead_s) for one in found.firings]
        rows["closed_at"] = pd.to_datetime(rows["closed_at"])
        columns = {
            "summary": st.column_config.TextColumn("What", width="large"),
            **times(fired_at="Fired", began_at="Began", closed_at="Closed"),
            "lead": st.column_config.TextColumn("Lead", help="From its firing to the quarantine that followed"),
        }
        st.dataframe(rows, column_config=columns, column_order=list(columns), hide_index=True, placeholder=BLANK)
