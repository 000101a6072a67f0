"""The page Health, drawn through the real navigation: what is open, what people say of it, rules tried and saved."""

from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.config.errors import RulesError
from pipeline.rules.backtest import backtest
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import open_incidents
from pipeline.rules.overrides import read_overrides, write_override
from pipeline.rules.rule import find_rule
from tests.support.given import Given, moment
from tests.support.pages import APP, healthy, text


@pytest.fixture
def rules_file(settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVISIONING_RULES", str(tmp_path / "rules.toml"))
    return tmp_path / "rules.toml"


@pytest.fixture
def quarantine(given: Given, rules_file: Path) -> Given:
    """Cerby has been in quarantine for hours; nobody has checked."""
    given.succeeded("ada", day=10, hour=9)
    given.quarantined("Cerby", day=13, hour=9, since=moment(13, 2))
    given.stored()
    return given


def page(**words: str) -> AppTest:
    test = AppTest.from_file(str(APP), default_timeout=60).switch_page("health.py")
    for name, word in words.items():
        test.query_params[name] = word
    return healthy(test.run())


@pytest.mark.usefixtures("quarantine")
def test_never_checked_is_not_well() -> None:
    drawn = text(page())
    assert "Unknown whether anything is wrong" in drawn and "the health rules were never evaluated" in drawn
    assert "No open incidents" not in drawn


def test_what_people_say_of_an_incident_is_shown_at_once_and_outlives_the_session(quarantine: Given) -> None:
    check(quarantine.store, moment(13, 9, 5), overrides={}, chosen=[find_rule("quarantined")])
    [opened] = open_incidents(quarantine.store)
    test = page()
    assert "1 incident is open: Cerby is in quarantine" in text(test).replace("\\", "")
    test.button(key=f"ack-{opened.incident_id}").click().run()
    assert "Say who you are first" in text(healthy(test))
    test.text_input(key="who").set_value("Ada").run()
    test.button(key=f"ack-{opened.incident_id}").click().run()
    assert "acknowledged by Ada" in text(healthy(test))
    test.text_input(key=f"owner-{opened.incident_id}").set_value("Grace").run()
    test.text_area(key=f"note-{opened.incident_id}").set_value("Mailed support").run()
    test.button(key=f"snooze-1 day-{opened.incident_id}").click().run()
    again = page()
    drawn = text(again)
    assert "acknowledged by Ada" in drawn and "owner Grace" in drawn and "Mailed support" in drawn
    assert "1 snoozed incident" in [box.label for box in again.expander]
    assert "1 open incident snoozed, none else." in drawn


def test_a_rule_without_data_is_said_to_give_no_answer(given: Given, rules_file: Path) -> None:
    given.succeeded("ada", day=10, hour=9)
    store = given.stored()
    check(store, moment(13), overrides={}, chosen=[find_rule("quarantined")])
    drawn = text(page())
    assert "1 rule gave no answer: quarantined" in drawn and "Unknown whether anything is wrong" in drawn
    assert "No open incidents" not in drawn


def test_what_was_tried_is_what_the_pipeline_says_and_what_is_saved_is_obeyed(
    quarantine: Given, rules_file: Path
) -> None:
    test = page(rule="quarantined", since="2026-02-01", until="2026-02-02")
    assert test.button(key="save").disabled
    test.toggle(key="silent-quarantined-All apps").set_value(True).run()
    test.button(key="try").click().run()
    assert "it fired 0 times" in text(healthy(test))
    test.toggle(key="silent-quarantined-All apps").set_value(False).run()
    test.button(key="try").click().run()
    rule, since = find_rule("quarantined"), moment(13)
    found = backtest(quarantine.store, rule, {}, since, since + timedelta(days=1), timedelta(hours=1))
    assert len(found.firings) == 1 and f"Asked {found.evaluations} times" in text(healthy(test))
    assert "it fired 1 time;" in text(test)
    test.toggle(key="silent-quarantined-All apps").set_value(True).run()
    test.button(key="try").click().run()
    test.button(key="save").click().run()
    assert healthy(test) and read_overrides(rules_file) == {"quarantined": {"silent": True}}
    checked = check(quarantine.store, moment(13, 10), overrides=read_overrides(rules_file), chosen=[rule])
    assert checked.opened == []


@pytest.mark.usefixtures("quarantine")
def test_a_wrong_value_is_a_sentence() -> None:
    test = page(rule="escrow_growth")
    test.text_input(key="set-escrow_growth-All apps-least-opens at").set_value("many").run()
    assert "least is 'many'; a whole number was expected" in text(healthy(test)).replace("\\", "")


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
