"""The page Overview: who needs attention, and the fleet."""

from datetime import timedelta

import pytest

from pipeline.config.clock import wall_clock
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import open_incidents, snooze
from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.pages import app, healthy, table, text
from views.frame.look import plain


@pytest.mark.usefixtures("tenant")
def test_the_overview_says_who_needs_somebody() -> None:
    test = healthy(app())
    held = "**Cerby** has been in quarantine since 31 Jan, 04:40 UTC (credentials, or answers that are not SCIM)"
    assert f"1 of 2 jobs needs you: {held}." in [error.value for error in test.error]
    assert "In **Zoom** 1 object waits for a retry, the first since 1 Feb, 22:30 UTC." in text(test)


def test_the_overview_is_led_by_the_incidents_once_the_rules_were_asked(tenant: Store) -> None:
    check(tenant, moment(13, 23), overrides={})
    test = healthy(app())
    [said] = [box.value for box in test.error if "you" in box.value]
    quarantined = plain("Cerby is in quarantine: EncounteredQuarantineException")
    assert said.startswith(f"1 of 2 jobs needs you: {quarantined} (since 31 Jan, 04:40 UTC")
    opened = tenant.rows("select count(*) from incidents where closed_at is null")[0][0]
    assert len(table(test, "leavers")) == opened > 0
    assert "By the incidents as of" in text(test) and "never asked" not in text(test)


def test_a_snoozed_incident_leaves_the_sentence_and_is_counted(tenant: Store) -> None:
    check(tenant, moment(13, 23), overrides={})
    for one in open_incidents(tenant):
        snooze(tenant, one.incident_id, wall_clock(tenant.settings) + timedelta(hours=1))
    test = healthy(app())
    assert not [box.value for box in test.error if "you" in box.value]
    assert any(box.value.startswith("None of 2 jobs needs you.") for box in [*test.warning, *test.success])
    assert "snoozed." in text(test)


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


def test_healthy_jobs_need_nobody(given: Given) -> None:
    given.succeeded("ada", day=13)
    given.stored()
    test = healthy(app())
    assert [box.value for box in test.success] == ["None of 1 job needs you."]
    assert "Nobody waits." in text(test)


def test_only_scim_requests_are_said_to_be_no_job(given: Given) -> None:
    given.exchanged("GET", "/Users", 200, moment())
    given.stored()
    assert "no job in it" in text(healthy(app()))
