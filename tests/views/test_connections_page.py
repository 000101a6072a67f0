"""The tab Configuration, drawn through the real navigation: what is fine, what is not, and what is unknown."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from demo.schemas import cerby_schema
from pipeline.collect.graph.configuration import mappings_of
from pipeline.ingest.records.schema import Schema
from pipeline.store.lake import Store
from tests.support.given import TENANT, Given, job_id, moment
from tests.support.pages import app, healthy, table, text
from views.frame.look import plain

NOW = moment(14, 12)
TENANTS = f"""
[contoso]
tenant_id = "{TENANT}"
client_id = "{TENANT}"
secret_env = "NO_SECRET"
"""


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the clock to noon of the Monday after the fortnight; it runs as slowly as one can."""
    monkeypatch.setenv("PROVISIONING_CLOCK", f"{NOW.isoformat()}Z,1e-9,2026-01-01T00:00Z")
    monkeypatch.delenv("PROVISIONING_TENANTS", raising=False)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets up the tenant contoso."""
    file = tmp_path / "tenants.toml"
    file.write_text(TENANTS)
    monkeypatch.setenv("PROVISIONING_TENANTS", str(file))


def configured(given: Given, app: str = "Cerby", *, told: dict[str, Any] | None = None, **schema: Any) -> None:
    """Says that a job's configuration was read."""
    mappings = list(mappings_of(Schema.model_validate(cerby_schema(**schema))))
    row = {
        "job_id": job_id(app),
        "tenant_id": TENANT,
        "app_id": f"app-{app.lower()}",
        "app_name": app,
        "observed_at": moment(13),
        "schedule_state": "Active",
        "interval_s": 2400,
        "scope_mode": "assigned",
        "notification": True,
        "base_host": "api.cerby.com",
        "mappings": mappings,
        "digest": f"digest-{len(given.rows['configurations'])}",
    }
    given.rows["configurations"].append(row | (told or {}))


def reached(given: Given, feed: str, minutes: int, **more: Any) -> None:
    """Says that a feed of contoso's answered so many minutes ago."""
    at = NOW - timedelta(minutes=minutes)
    row = {"tenant": "contoso", "feed": feed, "reached_at": at, "tried_at": at, "outcome": "ok", "failures": 0}
    given.rows["contacts"].append(row | {"detail": "3 new events", "requests": 12, "skew_s": 0.2} | more)


def permitted(given: Given, feature: str, scope: str, state: str = "present", **more: Any) -> None:
    """Says what preflight found."""
    row = {"tenant": "contoso", "feature": feature, "scope": scope, "state": state, "detail": "Graph answered."}
    given.rows["permissions"].append(row | {"asked_at": moment(14), "lost": None, "remedy": None} | more)


def well(given: Given) -> None:
    """Says that Cerby's job is as it should be, and that Graph answers."""
    given.observed("Cerby", "Active", day=13, hour=23, interval_s=2400, schedule_state="Active", deletion_threshold=500)
    configured(given)
    reached(given, "events", 2)
    reached(given, "configuration", 60)
    permitted(given, "job status", "Synchronization.Read.All")


def verdict_box(test: AppTest) -> str:
    """Gives the sentence that the page begins with, and its colour."""
    boxes = [("error", test.error), ("warning", test.warning), ("success", test.success), ("info", test.info)]
    [box] = [f"{kind}: {each.value}" for kind, found in boxes for each in found if " app" in each.value[:12]]
    return box


def row(test: AppTest, app: str) -> dict[str, Any]:
    """Gives one job's row of the table."""
    rows = table(test, "limit")
    found: dict[str, Any] = rows[rows["app_name"] == app].iloc[0].to_dict()
    return found


def test_an_installation_without_tenants_says_how_to_connect(given: Given) -> None:
    given.succeeded("ada", day=13)
    given.stored()
    drawn = text(healthy(app("configuration")))
    assert "Microsoft Graph is not connected." in drawn
    assert "docs/graph.md" in drawn and "PROVISIONING_TENANTS" in drawn


@pytest.mark.usefixtures("store", "asked")
def test_an_empty_store_with_a_tenant_says_on_data_sources_what_was_not_checked_yet() -> None:
    drawn = text(healthy(app("sources")))
    assert "Background jobs are not running" in drawn
    assert "Permissions have not been checked yet: run `python -m pipeline preflight`." in drawn


@pytest.mark.usefixtures("asked")
def test_what_is_fine_is_said_in_one_sentence(given: Given) -> None:
    well(given)
    given.stored()
    test = healthy(app("configuration"))
    # Green only where everything is OK, which takes more than a configuration.
    fine = "info: 1 app; every configuration that has a profile matches it; Microsoft Graph last answered 2 min ago."
    assert verdict_box(test) == fine
    found = row(test, "Cerby")
    assert (found["schedule"], found["interval"], found["mail"], found["limit"]) == ("Active", "40 min", "On", "500")
    assert (found["scope"], found["matches"], list(found["fit"])) == (
        "Assigned only",
        "userName, displayName",
        ["Matches profile"],
    )
    assert found["read_at"] == NOW - timedelta(minutes=60)
    assert "No conflict with the profile of Cerby." in text(test)


@pytest.mark.usefixtures("asked")
def test_a_required_attribute_without_a_mapping_is_told_with_what_to_do(given: Given) -> None:
    well(given)
    given.rows["configurations"].clear()
    configured(given, without=["name.familyName"])
    given.stored()
    test = healthy(app("configuration"))
    assert verdict_box(test).startswith(
        "error: 1 app; **Cerby** has a problem: Cerby requires name\\.familyName of every person, and nothing "
        "is mapped to"
    )
    assert "map an attribute that every person has" in text(test)
    rows = table(test, "source_expression")
    assert next(iter(rows["target_attribute"])) == "name.familyName"
    assert next(iter(rows["fit"])) == ["Missing"]


def test_the_mappings_of_all_jobs_are_those_of_each_as_it_was_last_read(given: Given) -> None:
    configured(given, told={"observed_at": moment(12)})
    configured(given, without=["name.familyName"])
    configured(given, "Zoom")
    given.stored()
    every = given.answer("attribute_mappings")
    alone = [given.answer("attribute_mappings", job=job_id(app)) for app in ("Cerby", "Zoom")]
    assert every == alone[0] + alone[1]
    assert len(alone[0]) == len(alone[1]) - 1


@pytest.mark.usefixtures("asked")
def test_a_matching_attribute_that_cannot_be_searched_by_is_told(given: Given) -> None:
    well(given)
    given.rows["configurations"].clear()
    configured(given, matched_by="externalId")
    given.stored()
    test = healthy(app("configuration"))
    assert "Users are matched by externalId, which Cerby cannot search by" in verdict_box(test)
    rows = table(test, "source_expression").set_index("target_attribute")
    assert next(iter(rows.loc["externalId", "fit"])) == ["Problem"]


def test_job_documents_alone_tell_schedule_and_limit_and_what_is_not_told_says_so(given: Given) -> None:
    given.observed("Cerby", "Active", day=13, interval_s=2400, schedule_state="Active")
    given.observed("Zoom", "Active", day=13, interval_s=1200, schedule_state="Paused", deletion_threshold=50)
    given.succeeded("ada", day=13, app="Box")
    given.stored()
    test = healthy(app("configuration"))
    assert verdict_box(test) == "warning: 3 apps; **Zoom** is paused."
    cerby, zoom, box = (row(test, name) for name in ("Cerby", "Zoom", "Box"))
    assert (cerby["limit"], zoom["limit"], box["limit"]) == ("No limit", "50", "Unknown")
    assert (cerby["mail"], cerby["scope"], cerby["matches"]) == ("Unknown", "Unknown", "Unknown")
    assert (zoom["schedule"], box["schedule"], box["interval"]) == ("Paused", "Unknown", "Unknown")
    assert (list(cerby["fit"]), list(zoom["fit"])) == (["Not read"], ["No profile"])
    drawn = text(test)
    assert "Attribute mappings have not been read" not in drawn
    drawn = text(healthy(app("configuration", configuration=job_id("Cerby"))))
    assert "No deletion limit" in drawn
    assert "Attribute mappings have not been read" in drawn
    assert "New token for Cerby:** Not self" in drawn and "About 7 days" in drawn
    assert "No app with this job is known here." in text(healthy(app("configuration", configuration="nowhere")))


@pytest.mark.usefixtures("asked")
def test_a_missing_permission_is_named_with_the_tenant_and_what_is_lost(given: Given) -> None:
    well(given)
    permitted(given, "events", "ProvisioningLog.Read.All", "missing", lost="No stories.", remedy="Grant it.")
    permitted(given, "least privilege", "Mail.Send", "excess")
    given.stored()
    test = healthy(app("configuration"))
    assert "permission **ProvisioningLog\\.Read\\.All** is missing for contoso (events)" in verdict_box(test)
    assert "contoso has Mail.Send, which is not needed" in verdict_box(test)
    rows = table(test, "remedy")
    assert list(rows["state"]) == ["missing", "excess", "present"]
    assert next(iter(rows["remedy"])) == "Grant it."
    assert "contoso, events: No stories\\. Grant it\\." in text(test)


@pytest.mark.usefixtures("asked")
def test_a_feed_that_fails_is_told_with_its_sentence_and_the_next_try(given: Given) -> None:
    well(given)
    failed = {"outcome": "failed", "failures": 3, "detail": "the client secret has expired", "reached_at": moment(13)}
    reached(given, "jobs", 1, next_try_at=NOW + timedelta(minutes=8), **failed)
    given.stored()
    test = healthy(app("configuration"))
    assert "collecting jobs from **contoso** is failing (3 failed attempts in a row)" in verdict_box(test)
    first = table(test, "age").iloc[0]
    assert (first["feed"], first["detail"], first["age"]) == ("jobs", "the client secret has expired", "1 day 12 h ago")
    assert first["next_try_at"] == NOW + timedelta(minutes=8)


@pytest.mark.usefixtures("asked")
def test_a_clock_that_is_apart_is_warned_of(given: Given) -> None:
    well(given)
    reached(given, "jobs", 1, skew_s=-125.0)
    given.stored()
    assert "The clock of contoso (jobs) is 2 min behind compared with this machine's" in text(
        healthy(app("configuration"))
    )


def test_settings_that_are_worth_a_sentence_get_one(given: Given) -> None:
    given.observed("Cerby", "Active", day=13, interval_s=2400, schedule_state="Disabled")
    configured(given, told={"observed_at": moment(1), "mappings": []})
    configured(given, told={"notification": False, "skip_deletions": True, "base_host": "scim.example.com"})
    given.stored()
    drawn = text(healthy(app("configuration")))
    assert "The job is disabled, so no users are provisioned." in drawn
    assert "Entra sends no e-mail when the job goes into quarantine" in drawn
    assert "Users who leave the scope keep their account" in drawn
    assert "2 configurations seen" in drawn
    assert "Its endpoint is at scim\\.example\\.com" in drawn


def test_a_file_of_tenants_with_a_mistake_is_a_sentence(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text('[contoso]\ntenant_id = "nobody"\n')
    monkeypatch.setenv("PROVISIONING_TENANTS", str(file))
    given.observed("Cerby", "Active", day=13)
    given.stored()
    test = healthy(app("configuration"))
    assert plain(f"{file}:2: tenant_id is 'nobody'; a GUID was expected.") in [box.value for box in test.error]
    assert row(test, "Cerby")["schedule"] == "Unknown"


def test_a_profile_with_a_mistake_is_a_sentence(given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zoom.toml").write_text('name = "Zoom"\n')
    monkeypatch.setenv("PROVISIONING_PROFILES", str(tmp_path))
    given.observed("Cerby", "Active", day=13)
    given.stored()
    test = healthy(app("configuration"))
    sentence = f"{tmp_path}/zoom.toml:1: source is missing; see README.md beside it."
    assert plain(sentence) in [box.value for box in test.error]
    assert list(row(test, "Cerby")["fit"]) == ["No profile"]


def test_text_from_graph_neither_formats_nor_links(given: Given, store: Store) -> None:
    given.observed("Cerby **b** [x](http://evil)", "Active", day=13, job_id="scim.x")
    configured(given, "Cerby **b** [x](http://evil)", told={"job_id": "scim.x"}, matched_by="nothing")
    given.stored()
    drawn = text(healthy(app("configuration")))
    assert r"Cerby \*\*b\*\* \[x\]" in drawn and "[x](http" not in drawn


def test_the_bar_narrows_the_jobs(given: Given) -> None:
    given.observed("Cerby", "Active", day=13)
    given.observed("Zoom", "Active", day=13)
    given.stored()
    assert list(table(healthy(app("configuration", job="Zoom")), "limit")["app_name"]) == ["Zoom"]
