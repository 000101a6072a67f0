"""Incidents on Issues, drawn through the real navigation: the list, the side panel, and what people do with one."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.config.errors import RulesError
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import Incident, add_incidents, close_incidents, open_incidents
from pipeline.rules.overrides import read_overrides, write_override
from pipeline.rules.rule import find_rule, rules
from tests.support.given import Given, moment
from tests.support.page_words import faults_of_words
from tests.support.pages import app, healthy, table, text


@pytest.mark.usefixtures("quarantine")
def test_never_checked_is_not_well() -> None:
    drawn = text(healthy(app("issues")))
    assert "Unknown whether anything is wrong" in drawn and "the alert rules were never evaluated" in drawn
    assert "No open incidents" not in drawn


@pytest.fixture
def incident(quarantine: Given) -> Incident:
    """The quarantine as a check found it."""
    check(quarantine.store, moment(13, 9, 5), overrides={}, chosen=[find_rule("quarantined")])
    [opened] = open_incidents(quarantine.store)
    return opened


def test_an_open_incident_is_one_row_and_its_panel_says_what_why_and_what_to_do(
    quarantine: Given, incident: Incident
) -> None:
    symptom = replace(incident, incident_id="symptom", rule="silence", subject="x", explained_by=incident.incident_id)
    quarantine.store.write(lambda cursor: add_incidents(cursor, [symptom]))
    test = healthy(app("issues"))
    row = table(test, "related").iloc[0]
    assert "Cerby is in quarantine" in text(test).replace("\\", "")
    assert (row["app_name"], row["owner"], row["related"], row["state"]) == ("Cerby", "Unassigned", 1, ["Open"])
    test = healthy(app("issues", incident=incident.incident_id))
    drawn = text(test).replace("\\", "")
    assert faults_of_words(test) == []
    for words in ("Cerby is in quarantine", "**Since 1 Feb, 02:00**", "What to do:", "Symptoms of the same cause"):
        assert words in drawn, words
    assert f"/issues?incident={incident.incident_id}&since=" in drawn
    test = healthy(app("issues", incident="symptom"))
    drawn = text(test).replace("\\", "")
    assert "This incident is a symptom." in drawn and "Acknowledge" not in drawn
    test.button(key="root-cause").click().run()
    assert healthy(test).query_params["incident"] == incident.incident_id


def test_what_people_do_with_an_incident_is_shown_at_once_and_outlives_the_session(incident: Incident) -> None:
    named = incident.incident_id
    test = healthy(app("issues", incident=named))
    test.button(key=f"ack-{named}").click().run()
    shown = text(healthy(test))
    assert "Enter your name first" in shown
    test.text_input(key=f"who-{named}").set_value("Ada").run()
    test.button(key=f"ack-{named}").click().run()
    assert "Acknowledged by Ada" in text(healthy(test))
    assert table(healthy(app("issues")), "related").iloc[0]["owner"].startswith("Acknowledged by Ada, ")
    assert table(healthy(app()), "impact").iloc[0]["owner"].startswith("Acknowledged by Ada, ")
    test.button(key=f"assign-{named}").click().run()
    assert "Owner: Ada" in text(healthy(test))
    test.text_input(key=f"owner-{named}").set_value("Grace").run()
    test.text_area(key=f"note-{named}").set_value("Mailed support").run()
    test.button(key=f"snooze-1 day-{named}").click().run()
    again = healthy(app("issues", incident=named))
    drawn = text(again)
    acts = table(again, "was")
    assert list(acts["label"]) == ["Snoozed", "Note written", "Owner set", "Owner set", "Acknowledged"]
    assert set(acts["actor"]) == {"Ada"} and list(acts["was"])[1:4] == ["–", "Ada", "–"]
    assert list(acts["detail"])[1:] == ["Mailed support", "Grace", "Ada", "–"]
    assert "Acknowledged by Ada" in drawn and "Owner: Grace" in drawn and "Mailed support" in drawn
    assert table(again, "related").iloc[0]["state"] == ["Snoozed"]
    assert "No open incidents but 1 snoozed one." in drawn


def test_acts_carry_the_name_of_the_sign_in_else_the_one_that_was_entered_on_an_earlier_visit(
    quarantine: Given, incident: Incident
) -> None:
    others = [replace(incident, incident_id=name, subject=name) for name in ("kept", "signed")]
    quarantine.store.write(lambda cursor: add_incidents(cursor, others))
    healthy(app("issues", incident="kept")).text_input(key="who-kept").set_value("Ada").run()
    kept = healthy(app("issues", incident="kept"))
    assert kept.text_input(key="who-kept").value == "Ada"
    kept.button(key="ack-kept").click().run()
    signed = app("issues", incident="signed")
    signed.user = {"is_logged_in": True, "name": "Grace Hopper", "email": "grace@example.com"}
    assert not [one for one in healthy(signed.run()).text_input if one.key == "who-signed"]
    signed.button(key="ack-signed").click().run()
    acts = quarantine.store.rows("select incident_id, action, actor from action_log order by incident_id")
    assert acts == [("kept", "acknowledged", "Ada"), ("signed", "acknowledged", "Grace Hopper")]
    assert "Acknowledged by Grace Hopper" in text(healthy(signed))


def test_an_incident_that_is_over_keeps_its_permalink_and_stands_in_the_history(
    quarantine: Given, incident: Incident
) -> None:
    quarantine.store.write(lambda cursor: close_incidents(cursor, [incident], moment(13, 12)))
    drawn = text(healthy(app("issues", incident=incident.incident_id)))
    assert "**1 Feb, 02:00 to 1 Feb, 12:00** (10 h)" in drawn and "Ended 1 Feb, 12:00" in drawn
    test = healthy(app("history"))
    assert list(table(test, "to_fix")["to_fix"]) == ["10 h"]
    assert "**1 incident** in this time range: 0 ongoing, 1 resolved." in text(test)
    later = incident.opened_at + timedelta(minutes=1)
    many = [
        replace(incident, incident_id=f"more-{number}", subject=f"{number}", opened_at=later) for number in range(500)
    ]
    quarantine.store.write(lambda cursor: add_incidents(cursor, many))
    test = healthy(app("history"))
    assert "The newest 500 of 501 are shown. Export has all of them." in text(test)
    assert set(table(test, "to_fix")["to_fix"]) == {"Ongoing"} and len(table(test, "to_fix")) == 500


@pytest.mark.usefixtures("quarantine")
def test_an_incident_that_is_not_here_says_so_and_keeps_what_was_asked() -> None:
    test = healthy(app("issues", incident="elsewhere"))
    assert "There is no incident with the id elsewhere in this store." in text(test)
    assert dict(test.query_params)["incident"] == "elsewhere"


def test_a_rule_without_data_is_said_not_to_have_run(given: Given, rules_file: Path) -> None:
    given.succeeded("ada", day=10, hour=9)
    store = given.stored()
    check(store, moment(13), overrides={}, chosen=[find_rule("quarantined")])
    test = healthy(app("issues"))
    drawn = text(test)
    wanted = f"1 of {len(rules())} alert rules could not check every app"
    assert wanted in [one.proto.label for one in test.get("page_link")]
    assert "Unknown whether anything is wrong" in drawn and "None found by the rules that ran." in drawn
    assert "No open incidents" not in drawn


def test_saving_keeps_what_else_the_file_says(rules_file: Path) -> None:
    rules_file.write_text('# ours\n[quarantined]\nseverity = "warning"\n# why\n\n[escrow_growth]\nleast = 4\n')
    write_override(rules_file, find_rule("escrow_growth"), {"least": [6, 2]})
    write_override(rules_file, find_rule("escrow_growth"), {"silent": True}, "Cerby EU")
    assert read_overrides(rules_file) == {
        "quarantined": {"severity": "warning"},
        "escrow_growth": {"least": [6, 2], "app": {"Cerby EU": {"silent": True}}},
    }
    held = rules_file.read_text()
    assert "# ours" in held and "# why" in held
    with pytest.raises(RulesError, match="a whole number was expected"):
        write_override(rules_file, find_rule("escrow_growth"), {"least": "many"})
    assert rules_file.read_text() == held
