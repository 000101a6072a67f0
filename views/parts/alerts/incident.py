"""The side panel of one incident: what happened, why, what to do, what follows from it, and who takes care of it."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.config.settings import read_settings
from pipeline.config.wording import count, dated, in_utc, instant, is_missing, span
from pipeline.knowledge.app_profiles import usable_profiles
from pipeline.knowledge.causes import OWNERS, Cause, cause_of
from pipeline.notify.messages import (
    CLOSED,
    OPENED,
    MessageContext,
    affected_names,
    affected_numbers,
    affected_of,
    body_of,
    evidence_text,
)
from pipeline.rules.app_labels import job_labels
from pipeline.rules.incidents import explained_by, incident
from pipeline.rules.rule import Rule, rules
from pipeline.rules.summary import undated
from views.frame import state
from views.frame.copying import dashboard_address, text_to_copy
from views.frame.data import Row, as_of, ask, records, store, wall_clock
from views.frame.filters import job_names
from views.frame.look import COLOURS, look, plain, plain_name
from views.frame.panel import show_sql
from views.frame.places import page_link, switch_page
from views.frame.side_panel import side_panel
from views.frame.state import Key, Word, read_word
from views.frame.table import table, text_column
from views.parts.alerts.incidents import details_link, draw_acts, problem_of, symptoms_of
from views.parts.shared.acts import draw_history
from views.parts.shared.letter import Letter, draw_letter
from views.parts.shared.profiles import profile_or_none
from views.parts.shared.remedies import advice_in, steps_in, stop_word


def incident_panel() -> None:
    """Opens the side panel of the incident that the address names."""
    side_panel(Word.INCIDENT, panel_title(read_word(Word.INCIDENT)), draw_incident_panel)


def open_incident(row: Row) -> None:
    """Opens the side panel of a row's incident."""
    state.write_word(Word.INCIDENT, str(row["incident_id"]))


def panel_title(incident_id: str) -> str:
    """Returns the incident's sentence; a plain word where there is no such incident."""
    rows = ask("incident", incident=incident_id)
    return "Incident" if rows.empty else plain(undated(str(rows.iloc[0]["summary"])))


def draw_incident_panel(incident_id: str) -> None:
    """Draws one incident, open or over, or a sentence where there is none with this id."""
    rows = records(ask("incident", incident=incident_id))
    show_sql(incident={"incident": incident_id})
    if not rows:
        st.warning(
            f"There is no incident with the id {plain(incident_id)} in this store. It may have been removed by "
            "retention, or the link is from another store.",
            icon=":material/search_off:",
        )
        if st.button("Incident history", icon=":material/history:", key=Key.ROOT_CAUSE):
            switch_page("history")
        return
    row = rows[0]
    rule = rules().get(row["rule"])
    st.markdown(" ".join(chips_of(row)))
    draw_facts(row, rule)
    if is_missing(row["explained_by"]):
        draw_acts(row)
    else:
        draw_root(row)
    with st.container(horizontal=True, vertical_alignment="center"):
        draft_email(row)
        details_link(row, rule)
    copy_summary(str(row["incident_id"]), not is_missing(row["closed_at"]))
    draw_symptoms(symptoms_of(row))
    draw_evidence(row, rule)
    draw_history(str(row["incident_id"]), incident=str(row["incident_id"]))
    draw_technical(row, rule)


def chips_of(row: Row) -> list[str]:
    """Writes its severity, its state and its app as chips."""
    seen = look(str(row["severity"]))
    app = [] if is_missing(row["app_name"]) else [f":blue-badge[{plain_name(row['app_name'])}]"]
    return [f":{COLOURS[seen.tone]}-badge[{seen.icon} {seen.label}]", *states_of(row), *app]


def states_of(row: Row) -> list[str]:
    """Writes whether it is open, unknown, snoozed or acknowledged, as chips."""
    if not is_missing(row["closed_at"]):
        return [f":gray-badge[Ended {instant(row['closed_at'])}]"]
    chips = [":orange-badge[Ongoing]" if is_missing(row["unknown_since"]) else ":gray-badge[Open, not re-checked]"]
    if not is_missing(row["snoozed_until"]) and row["snoozed_until"] > wall_clock():
        chips.append(f":gray-badge[Snoozed until {dated(row['snoozed_until'])}]")
    if not is_missing(row["acknowledged_by"]):
        chips.append(":gray-badge[Acknowledged]")
    return chips


def draw_facts(row: Row, rule: Rule | None) -> None:
    """Draws what happened, why, what to do, whom it affects, and what people noted."""
    evidence = facts_of(row)
    cause = cause_in(row, evidence)
    st.markdown(when(row))
    if not is_missing(row["unknown_since"]):
        st.markdown(
            f"Not re-checked since {instant(row['unknown_since'])}, so it stays open: {plain(str(row['missing']))}."
        )
    if cause:
        st.markdown(f"**Why:** {plain(cause.meaning)}")
    draw_steps(cause, rule, row)
    affected = affected_of([evidence, *map(facts_of, symptoms_of(row))])
    if numbers := affected_numbers(affected):
        names = affected_names(affected)
        st.markdown(f"**Affected:** {numbers}" + (f": {plain(names)}." if names else "."))
    if cause:
        st.markdown(f"**Likely owner:** {plain(OWNERS[cause.owner])}.")
    if not is_missing(row["note"]):
        written = "" if is_missing(row["noted_at"]) else f" ({dated(row['noted_at'])})"
        st.markdown(f":material/sticky_note_2: {plain(str(row['note']))}{written}")


def cause_in(row: Row, evidence: Mapping[str, Any]) -> Cause | None:
    """Returns what the error or the answer that the evidence holds is known as."""
    if not evidence.get("error_code") and not evidence.get("http_status"):
        return None
    cause = cause_of({**evidence, "job_id": row["job_id"]})
    return None if cause is None or cause.owner == "nobody" else cause


def facts_of(row: Row) -> dict[str, Any]:
    """Returns what a rule found beside its sentence; of a symptom it is read already."""
    evidence = row["evidence"]
    return evidence if isinstance(evidence, dict) else dict(json.loads(evidence or "{}"))


def when(row: Row) -> str:
    """Writes since when it lasts, or how long it did, and when it was detected."""
    ended = not is_missing(row["closed_at"])
    length = span(((row["closed_at"] if ended else as_of()) - row["opened_at"]).total_seconds())
    late = (row["noticed_at"] - row["opened_at"]).total_seconds()
    lasted = f"**{instant(row['opened_at'])} to {instant(row['closed_at'])}** ({length})" if ended else ""
    since = lasted or f"**Since {instant(row['opened_at'])}** ({length})"
    return f"{since}; detected {instant(row['noticed_at'])}." if late >= 60 else f"{since}."


def draw_steps(cause: Cause | None, rule: Rule | None, row: Row) -> None:
    """Draws what to do: the steps of a documented cause, else what the rule advises."""
    stop = None if is_missing(row["job_id"]) else stop_word(row["job_id"])
    if cause:
        steps = steps_in(cause, row["app_name"], stop)
        st.markdown("**What to do:**\n" + "\n".join(f"1. {step}" for step in steps))
    elif rule:
        st.markdown(f"**What to do:** {advice_in(rule, row['app_name'], stop)}")


def draw_root(row: Row) -> None:
    """Draws that an incident is a symptom, and the way to its root cause."""
    st.markdown("This incident is a symptom. Acknowledging or snoozing its root cause covers it.")
    # Not a link: on Issues itself one would not change the address (Streamlit 1.67).
    label = f"Root cause: {plain(str(row['cause_summary']))}"
    if st.button(label, icon=":material/account_tree:", key=Key.ROOT_CAUSE):
        state.write_word(Word.INCIDENT, str(row["explained_by"]))
        st.rerun()


def draft_email(row: Row) -> None:
    """Offers a draft of an e-mail where only somebody else can fix the cause of an open incident."""
    evidence = facts_of(row)
    cause = cause_in(row, evidence)
    if cause is None or is_missing(row["app_name"]) or not is_missing(row["closed_at"]):
        return
    affected = affected_of([evidence, *map(facts_of, symptoms_of(row))])
    names = affected_names(affected) if cause.owner == "source data" else ""
    facts = {
        "HTTP status": evidence.get("http_status"),
        "Error code": evidence.get("error_code"),
        "Message": evidence.get("detail") or evidence.get("error_message"),
        "Rejected requests": evidence.get("refusals"),
        "Users": names,
    }
    app = str(row["app_name"])
    letter = Letter(app, problem_of(row), cause, row["opened_at"], affected_numbers(affected), facts)
    draw_letter(letter, profile_or_none(app))


def copy_summary(incident_id: str, over: bool) -> None:
    """Offers the incident as plain text for a ticket or a chat, in UTC and with its link."""
    with in_utc():
        text_to_copy("Copy summary", summary_text(incident_id, over))


def summary_text(incident_id: str, over: bool) -> str:
    """Writes an incident as a message about it would."""
    one = incident(store(), incident_id)
    words = {job: word for word, job in job_names(ask("jobs")).items()}
    at = one.closed_at or as_of()
    context = MessageContext(at, dashboard_address(), words, usable_profiles(read_settings()), job_labels(store()))
    return body_of(one, CLOSED if over else OPENED, context, explained_by(store(), incident_id))


def draw_symptoms(symptoms: list[Row]) -> None:
    """Draws what the incident explains."""
    if not symptoms:
        return
    st.subheader("Symptoms of the same cause", anchor=False)
    for one in symptoms:
        seen = look(str(one["severity"]))
        badge = f":{COLOURS[seen.tone]}-badge[{seen.icon} {seen.label}]"
        st.markdown(f"- {badge} {plain(problem_of(one))}, since {instant(one['opened_at'])}")


def draw_evidence(row: Row, rule: Rule | None) -> None:
    """Draws the facts that the rule found, in the words of its header; what is empty is left out."""
    facts = facts_of(row)
    words = rule.query.columns if rule else {}
    shown = [
        {"fact": sentence_case(words.get(name, name.replace("_", " "))), "value": evidence_text(name, fact)}
        for name, fact in facts.items()
        if fact not in (None, "", [])
    ]
    if shown:
        st.subheader("Evidence", anchor=False)
        columns = {"fact": text_column("Fact", width="medium"), "value": text_column("Value", width="large")}
        table(pd.DataFrame(shown), columns, Key.EVIDENCE.of(row["incident_id"]))


def sentence_case(text: str) -> str:
    """Writes a text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def draw_technical(row: Row, rule: Rule | None) -> None:
    """Draws by which rule it was found, what that rule does, and the incident's id."""
    with st.expander("Technical details"):
        if rule:
            st.markdown(f"**Alert rule:** {plain(rule.title)}. Fires {plain(rule.fires)}")
            st.markdown(f"**Its advice:** {advice_in(rule, row['app_name'])}")
            page_link("rules", "Open the alert rule", ":material/notifications:", {Word.RULE: rule.name})
        explained = len(symptoms_of(row))
        st.caption(f"Rule {plain(str(row['rule']))} · incident {row['incident_id']} · {count(explained, 'symptom')}")
