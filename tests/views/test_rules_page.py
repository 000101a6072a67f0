"""The page Alert rules: states and levels, a rule in its panel, backtests that run, are cancelled, and are saved."""

from datetime import timedelta
from pathlib import Path

from streamlit.testing.v1 import AppTest

from pipeline.rules.backtest import backtest
from pipeline.rules.evaluate import check
from pipeline.rules.overrides import read_overrides
from pipeline.rules.rule import find_rule, rules
from pipeline.rules.token_expiry import record_expiry
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.rules.verdict_text import plain_sentence
from tests.support.given import Given, moment
from tests.support.pages import app, healthy, table, text
from views.frame.look import LOOKS
from views.parts.alerts.backtest import Run
from views.parts.alerts.rules import levels

DAY = {"since": "2026-02-01", "until": "2026-02-02"}


def tried(test: AppTest) -> AppTest:
    """Runs a backtest until its result is there."""
    test.button(key="try").click().run()
    run = test.session_state["replayed"]
    run.join()
    return healthy(test.run())


def test_the_table_has_every_rule_with_its_state_and_levels_those_that_fire_first(
    quarantine: Given, rules_file: Path
) -> None:
    rules_file.write_text("[silence]\nsilent = true\n[escrow_growth]\nleast = [6, 2]\n")
    drawn = text(healthy(app("rules")))
    assert f"**None of {len(rules())} rules has run yet.**" in drawn
    chosen = [find_rule(name) for name in ("quarantined", "leaver_waiting", "rule_failed")]
    check(quarantine.store, moment(13, 9, 5), overrides=read_overrides(rules_file), chosen=chosen)
    test = healthy(app("rules"))
    rows = table(test, "alert").set_index("rule")
    assert rows.index[0] == "quarantined" and set(rows.index) == set(rules())
    states = {name: rows.loc[name, "state"][0] for name in ("quarantined", "leaver_waiting", "rule_failed", "silence")}
    assert states == {
        "quarantined": "Firing", "leaver_waiting": "Not checked", "rule_failed": "OK", "silence": "Muted",
    }  # fmt: skip
    assert rows.loc["target_slow", "state"] == ["Never run"]
    assert tuple(rows.loc["escrow_growth", ["alert", "clear"]]) == ("≥ 6 pending retries", "< 2")
    assert tuple(rows.loc["quarantine_ahead", ["alert", "clear"]]) == ("≤ 3 cycles left at the present trend", "> 5")
    assert rows.loc["required_missing", "alert"] == "≥ 1 user or group"
    assert tuple(rows.loc["failure_rate_unusual", ["alert", "clear"]]) == ("≥ 20%", "< 10%")
    assert rows.loc["escrow_growth", "changed"] == "Pending retries 6 (default 3)"
    assert rows.loc["quarantined", "since"] == moment(13, 2) and rows.loc["quarantined", "checked"] == "All apps"
    assert rows.loc["leaver_waiting", "findings"] != rows.loc["leaver_waiting", "findings"]
    assert "**1 rule is firing**, 1 OK, 1 not checked" in text(test)
    assert not test.success


def test_a_rule_is_ok_only_of_the_apps_that_it_could_check(given: Given, rules_file: Path) -> None:
    chosen = [find_rule(name) for name in ("quarantined", "token_due", "target_slow", "leaver_waiting")]
    for app_name in ("Cerby", "Zoom"):
        given.succeeded("ada", day=13, hour=8, app=app_name)
    given.observed("Zoom", "Active", day=13, hour=9)
    store = given.stored()
    check(store, moment(13, 9, 5), overrides={}, chosen=chosen)
    rows = table(healthy(app("rules")), "alert").set_index("rule")
    assert tuple(rows.loc["quarantined", ["word", "checked"]]) == ("partly run", "1 of 2 apps")
    # Without an expiry, or a SCIM log, there is nothing that a rule could check; an old log is missing data.
    assert tuple(rows.loc["token_due", ["word", "checked"]]) == ("nothing to check", "0 of 2 apps")
    assert tuple(rows.loc["target_slow", ["word", "checked"]]) == ("nothing to check", "0 of 2 apps")
    assert (rows["word"] != "not firing").all()
    record_expiry(store, "Zoom", moment(300), "Ada", moment(13))
    check(store, moment(13, 9, 6), overrides={}, chosen=chosen)
    test = healthy(app("rules", rule="token_due"))
    rows = table(test, "alert").set_index("rule")
    assert tuple(rows.loc["token_due", ["word", "checked"]]) == ("partly run", "1 of 2 apps")
    assert "**Nothing to check.** Cerby: no token expiry is recorded." in text(test).replace("\\", "")
    assert f"2 of {len(rules())} alert rules could not check every app: data is missing." in text(test)
    drawn = text(healthy(app("rules", rule="quarantined"))).replace("\\", "")
    assert "**Not checked, data is missing.** Cerby: no job status; the last 6 hours are needed." in drawn
    # Every page and program counts the same rules, in the same words.
    wanted = f"2 of {len(rules())} alert rules could not check every app"
    assert wanted in text(healthy(app())) and wanted in plain_sentence(verdict(read_facts(store)))
    assert wanted in [one.proto.label for one in healthy(app("issues")).get("page_link")]
    record_expiry(store, "Cerby", moment(300), "Ada", moment(13))
    check(store, moment(13, 9, 7), overrides={}, chosen=chosen)
    rows = table(healthy(app("rules")), "alert").set_index("rule")
    assert tuple(rows.loc["token_due", ["word", "checked"]]) == ("not firing", "All apps")


def test_every_rule_has_levels_in_words() -> None:
    for rule in rules().values():
        alert, clear = levels(rule, {})
        assert (alert == "Any") == (clear == "None left"), rule.name
        assert alert == "Any" or (alert[0] in "≥≤<" and clear[0] in "<>≥"), rule.name


def test_a_rule_opens_in_the_side_panel_with_the_values_in_force(quarantine: Given, rules_file: Path) -> None:
    rules_file.write_text("[escrow_growth]\nleast = [6, 2]\n")
    check(quarantine.store, moment(13, 9, 5), overrides={}, chosen=[find_rule("escrow_growth")])
    drawn = text(healthy(app("rules", rule="escrow_growth")))
    assert "**Alerts** when at least 6 of a job" in drawn
    assert "**What to do.**" in drawn and "**Not checked, data is missing.**" in drawn
    drawn = text(healthy(app("rules", rule="escrow_grwth")))
    assert "did you mean escrow\\_growth" in drawn


def test_what_a_backtest_says_is_what_the_pipeline_says_and_what_is_saved_is_used(
    quarantine: Given, rules_file: Path
) -> None:
    test = healthy(app("rules", rule="quarantined", **DAY))
    test = tried(test)
    rule, since = find_rule("quarantined"), moment(13)
    found = backtest(quarantine.store, rule, {}, since, since + timedelta(days=1), timedelta(hours=1))
    assert len(found.firings) == 1
    assert f"**Would have fired 1 time** in {found.evaluations} evaluations" in text(test)
    test.toggle(key="silent-quarantined-All apps").set_value(True).run()
    assert "Would have fired" not in text(test), "other values were not tried yet"
    test = tried(test)
    assert "**Would have fired 0 times**" in text(test)
    test.button(key="save").click().run()
    assert read_overrides(rules_file) == {"quarantined": {"silent": True}}
    assert f"Saved to `{rules_file.resolve()}`. The next check uses it." in text(healthy(test))
    assert "Saved to" not in text(test.run())
    assert table(test, "alert").set_index("rule").loc["quarantined", "state"] == ["Muted"]
    assert check(quarantine.store, moment(13, 10), overrides=read_overrides(rules_file), chosen=[rule]).opened == []


def test_a_cancelled_backtest_leaves_no_result_and_nothing_running(quarantine: Given) -> None:
    rule = find_rule("escrow_growth")
    run = Run(quarantine.store, rule, {rule.name: {}}, moment(-9000), moment(14), timedelta(hours=1))
    run.cancel()
    assert run.is_over
    run.join()
    assert run.result is None and run.error == "Backtest cancelled."
    again = Run(quarantine.store, rule, {rule.name: {}}, moment(12), moment(14), timedelta(hours=1))
    again.join()
    assert again.result is not None and again.result.evaluations == 49


def test_levels_are_saved_for_one_app_without_touching_the_others(quarantine: Given, rules_file: Path) -> None:
    rules_file.write_text("# ours\n[escrow_growth]\nleast = [6, 2]\n")
    test = healthy(app("rules", rule="escrow_growth"))
    assert test.number_input(key="set-escrow_growth-All apps-least-opens at").value == 6
    test.selectbox(key="scope-escrow_growth").set_value("Cerby").run()
    test.number_input(key="set-escrow_growth-Cerby-least-opens at").set_value(9).run()
    test.button(key="save").click().run()
    assert "Saved to" in text(healthy(test))
    assert read_overrides(rules_file) == {"escrow_growth": {"least": [6, 2], "app": {"Cerby": {"least": [9, 2]}}}}
    assert rules_file.read_text().startswith("# ours")


def test_a_file_of_rules_with_a_mistake_is_a_sentence(quarantine: Given, rules_file: Path) -> None:
    rules_file.write_text("[quarantined]\nseverity = 7\n")
    assert "severity is '7'" in text(healthy(app("rules"))).replace("\\", "")


def test_one_label_of_a_chip_has_one_colour() -> None:
    tones: dict[str, set[str]] = {}
    for each in LOOKS.values():
        tones.setdefault(each.label, set()).add(each.tone)
    assert {label: found for label, found in tones.items() if len(found) > 1} == {}
