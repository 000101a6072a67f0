"""Notifications, Access and Reports: set up and not, with what was recorded, and what can be made of the store."""

import io
import zipfile
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import acknowledge, annotate, assign, open_incidents, snooze
from pipeline.rules.rule import find_rule
from pipeline.rules.token_expiry import record_expiry
from tests.support.given import Given, moment
from tests.support.pages import app, healthy, table, text
from views.parts.reports.evidence import pack

ROUTES = """
[route.cerby]
apps = ["Cerby"]
to = ["jsons://hooks.example.com/provisioning"]
[route.cerby.digest]
every = "weekly"
[route.rest]
default = true
to = ["jsons://other.example.com/provisioning"]
"""


@pytest.fixture
def quarantine(given: Given) -> Given:
    """An incident of Cerby's quarantine."""
    given.succeeded("ada", day=10, hour=9)
    given.disabled("bob", 11, 9)
    given.quarantined("Cerby", day=13, hour=9, since=moment(13, 2))
    given.stored()
    check(given.store, moment(13, 9, 5), overrides={}, chosen=[find_rule("quarantined")])
    return given


def message(given: Given, number: int, state: str, **more: object) -> None:
    """Says that a message was written."""
    row = {"message_id": f"m{number}", "change": "opened", "route": "cerby", "address": "jsons://hooks.example.com"}
    row |= {"title": f"Message {number}", "body": "", "severity": "critical", "app_name": "Cerby", "state": state}
    given.rows["outbox"].append(row | {"created_at": moment(13, 9, number), "attempts": 1} | more)


@pytest.mark.usefixtures("quarantine")
def test_notifications_that_are_not_set_up_say_how() -> None:
    drawn = text(healthy(app("notifications")))
    assert "**Notifications are not set up.**" in drawn and "PROVISIONING_NOTIFY" in drawn
    assert "python -m pipeline notify --test" in drawn and "No messages in this time range." in drawn


def test_routes_say_what_fails_now_and_the_history_what_was_sent(
    quarantine: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notify.toml").write_text(ROUTES)
    monkeypatch.setenv("PROVISIONING_NOTIFY", str(tmp_path / "notify.toml"))
    message(quarantine, 1, "given_up", error="an old failure")
    message(quarantine, 2, "sent", sent_at=moment(13, 9, 3))
    quarantine.stored()
    test = healthy(app("notifications"))
    assert "**2 routes set up.** Last message sent 1 Feb, 09:03." in text(test)
    assert [one.value for one in test.metric] == ["2", "1", "0", "1"]
    routes = table(test, "quiet").set_index("route")
    assert (routes.loc["cerby", "digest"], routes.loc["cerby", "error"]) == ("Weekly", "")
    assert routes.loc["rest", "apps"] == "All that no other route takes"
    assert list(table(test, "status")["status"]) == [["Sent"], ["Not delivered"]]
    message(quarantine, 3, "waiting", error="connection refused", due_at=moment(13, 10))
    quarantine.stored()
    assert "Failing: cerby." in text(healthy(app("notifications")))
    (tmp_path / "notify.toml").write_text("[route.cerby]\nemail = 'nobody'\n")
    assert "nobody" in text(healthy(app("notifications")))


def test_access_says_that_there_is_no_sign_in_and_lists_what_people_did(quarantine: Given) -> None:
    test = healthy(app("access"))
    assert "**No sign-in: everyone who can open this dashboard can do everything it offers.**" in text(test)
    assert "No action recorded yet." in text(test)
    [incident] = open_incidents(quarantine.store)
    acknowledge(quarantine.store, incident.incident_id, "Ada <b>")
    assign(quarantine.store, incident.incident_id, "Grace")
    annotate(quarantine.store, incident.incident_id, "called the vendor")
    snooze(quarantine.store, incident.incident_id, moment(14))
    record_expiry(quarantine.store, "Cerby", moment(40), "Ada <b>", moment(13, 10), "by ticket")
    test = healthy(app("access"))
    rows = table(test, "actor")
    assert set(rows["label"]) == {"Acknowledged", "Owner set", "Note written", "Snoozed", "Token expiry entered"}
    told = rows.set_index("label")
    assert (told.loc["Acknowledged", "actor"], told.loc["Owner set", "detail"]) == ("Ada <b>", "Grace")
    assert told.loc["Token expiry entered", "detail"].endswith("by ticket")
    assert "<b>" not in text(test)


def test_reports_preview_the_digest_and_make_an_evidence_pack(quarantine: Given) -> None:
    test = healthy(app("reports"))
    drawn = text(test)
    assert "The digest is not sent yet." in drawn
    assert "python -m pipeline evidence --app Cerby --since 20" in drawn and "Digest" in drawn
    assert "digest: " not in drawn
    test.button(key="digest-preview").click().run()
    drawn = text(healthy(test))
    assert "**Daily digest: " in drawn.replace("\\", "") and "Cerby" in drawn
    with pack("Cerby", moment(0), moment(14)) as made:
        names = zipfile.ZipFile(io.BytesIO(made.read())).namelist()
    assert "README.md" in names and "job-1/leaver_cases.csv" in names


@pytest.mark.usefixtures("store")
def test_settings_of_an_empty_store_are_drawn(settings: Settings) -> None:
    for place in ("notifications", "access", "rules"):
        healthy(app(place))
    assert "Reports will show" in text(healthy(app("reports")))
    home = healthy(app())
    assert home.button(key="inbox-sample").label == "Load the sample"
    assert "Set up the connection" in [one.proto.label for one in home.get("page_link")]
