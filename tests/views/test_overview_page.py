"""The page Overview: who needs attention, and the fleet."""

from datetime import timedelta

import pandas as pd
import pytest

from pipeline.config.clock import wall_clock
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import open_incidents, snooze
from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.pages import app, healthy, table, text


@pytest.mark.usefixtures("tenant")
def test_the_overview_says_who_needs_somebody() -> None:
    test = healthy(app())
    [verdict] = [box.value for box in test.error if "attention" in box.value]
    cerby = "**Cerby** is in quarantine (credentials, or answers that are not SCIM) since 31 Jan, 04:40 UTC"
    assert verdict.startswith(f"2 of 2 apps need attention: {cerby}")
    assert "**Zoom**: 1 user or group failing since 1 Feb, 22:30 UTC. Next step: follow the recovery" in verdict
    assert "Not known: the data ends 1 Feb 2026, 23:00 UTC" in verdict
    assert "In **Zoom** 1 object waits for a retry, the first since 1 Feb, 22:30 UTC." in text(test)


def test_the_overview_is_led_by_the_incidents_once_the_rules_were_asked(tenant: Store) -> None:
    check(tenant, moment(13, 23), overrides={})
    test = healthy(app())
    [said] = [box.value for box in test.error if "attention" in box.value]
    assert said.startswith("2 of 2 apps need attention: **Cerby** is in quarantine") and "related alert" in said
    opened = tenant.rows("select count(*) from incidents where closed_at is null")[0][0]
    assert len(table(test, "leavers")) == opened > 0
    assert "By the incidents as of" in text(test) and "never asked" not in text(test)


def test_a_snoozed_incident_leaves_the_sentence_and_is_counted(tenant: Store) -> None:
    check(tenant, moment(13, 23), overrides={})
    for one in open_incidents(tenant):
        snooze(tenant, one.incident_id, wall_clock(tenant.settings) + timedelta(hours=1))
    test = healthy(app())
    # The quarantine lasts, whoever snoozed its incident.
    assert [box.value for box in test.error if "**Cerby** is in quarantine" in box.value]
    assert not test.success and "snoozed." in text(test)


def test_the_fleet_is_worst_first_and_its_numbers_are_those_of_sql(tenant: Store) -> None:
    fleet = table(healthy(app()), "in_place_share")
    assert list(fleet["app_name"]) == ["Cerby", "Zoom"]
    assert list(fleet["in_place_share"]) == [1.0, 2 / 3]
    [(share,)] = tenant.rows(
        "select count(*) filter (status = 'success') / count(*) from events "
        "where app_name = 'Zoom' and status in ('success', 'failure')"
    )
    assert list(fleet["success_share"]) == [1.0, share]
    assert list(fleet["last_error"].fillna("")) == ["", "EntryConflict"]
    assert list(fleet["open_escrows"]) == [0, 1]


def test_in_place_is_not_said_until_the_initial_cycle_has_ended(given: Given) -> None:
    given.succeeded("ada", day=13, hour=12, app="Cerby", cycle_id="first")
    given.observed("Cerby", "NotRun", day=13, hour=12, last_ended_at=None, total_units=40, completed_units=10)
    given.succeeded("ada", day=13, hour=12, app="Zoom")
    given.stored()
    test = healthy(app())
    fleet = table(test, "in_place_share").set_index("app_name")
    assert pd.isna(fleet["in_place_share"]["Cerby"]) and fleet["in_place_share"]["Zoom"] == 1
    assert "In place is n/a until the initial cycle has ended: Cerby." in text(test)
    [bar] = test.get("progress")
    assert bar.proto.value == 25
    assert "about 25% done (estimated from page progress, as in the Entra portal), 1 object so far" in bar.proto.text


def test_events_alone_are_no_evidence_that_all_is_well(given: Given) -> None:
    given.succeeded("ada", day=13)
    given.stored()
    test = healthy(app())
    assert not test.success and not [box for box in test.error if "attention" in box.value]
    assert "Status unknown: the data ends 1 Feb 2026, 00:00 UTC; no job status of **Cerby**" in text(test)
    assert "No pending retries in the log." in text(test)
    assert "Unknown whether anything is wrong" in text(test)


def test_only_scim_requests_are_said_to_be_no_job(given: Given) -> None:
    given.exchanged("GET", "/Users", 200, moment())
    given.stored()
    assert "no job in it" in text(healthy(app()))
