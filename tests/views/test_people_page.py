"""The page People: the list, its search and its filters, and the side panel of one user or group."""

from pathlib import Path

import pytest

from pipeline.store.lake import Store
from tests.support.given import TENANT, Given, moment
from tests.support.given import job_id as job
from tests.support.page_words import faults_of_words
from tests.support.pages import app, healthy, questions, table, text


def test_assignments_are_counted_and_found_whatever_the_accents(tenant: Store) -> None:
    test = healthy(app("people"))
    [(found,)] = tenant.rows("select count(*) from identities")
    assert f"**{found} assignments** across all apps; **1 is failing**." in text(test)
    [pills] = [group for group in test.button_group if group.key == "state"]
    assert pills.options == ["Failing 1", "Skipped or out of scope 0", "Was in sync 5", "Disabled 0", "Deleted 0"]
    # The data ended months ago, so that nobody is known to be in sync now.
    assert {chip for [chip] in table(test, "why")["chip"]} == {"Failing", "Was in sync"}
    test.text_input(key="search").set_value("ÁDA@").run()
    rows = table(healthy(test), "why")
    assert list(rows["app_name"]) == ["Zoom", "Cerby"]
    assert list(rows["why"].fillna("")) == ["Another object has this value already", ""]
    test.text_input(key="search").set_value("nobody at all").run()
    assert "No user or group matches “nobody at all” across all apps." in text(healthy(test))


@pytest.mark.usefixtures("tenant")
def test_a_search_from_any_page_has_the_status_that_the_list_has() -> None:
    test = healthy(app("reports"))
    test.text_input(key="search-all").set_value("ada").run()
    assert "Cerby: was in sync, Zoom: failing" in text(healthy(test)).replace("\\", "")


@pytest.mark.usefixtures("tenant")
def test_a_link_restores_the_search_and_the_filters_and_a_new_search_keeps_them() -> None:
    test = healthy(app("people", search="ada", state="failing"))
    rows = table(test, "why")
    assert list(zip(rows["name"], rows["app_name"], strict=True)) == [("ada@example.com", "Zoom")]
    test.text_input(key="search").set_value("example").run()
    assert questions(healthy(test))["people"]["state"] == "failing"
    assert dict(test.query_params)["state"] == "failing"


@pytest.mark.usefixtures("tenant")
def test_the_panel_says_in_a_sentence_what_is_wrong_in_which_app_and_what_to_do() -> None:
    test = healthy(app("people", search="ada", object="id-ada"))
    drawn = text(test).replace("\\", "")
    assert "**Changes not applied in Zoom since 1 Feb, 22:30.**" in drawn
    assert "**Was in sync with Cerby**; last success 30 Jan, 09:00." in drawn
    assert "**What to do:**" in drawn and "Entra tries again on 2 Feb, 04:00." in drawn
    assert list(table(test, "tried")["tried"]) == ["1 of 2", "1 of 1"]
    assert "**Export** failed" in drawn and "not attempted" not in drawn
    [ticket] = [code.value for code in test.code if code.value.startswith("Provisioning of")]
    assert "See:    http://localhost:8501/people?" in ticket and "UTC" in ticket
    assert dict(test.query_params)["search"] == "ada" and faults_of_words(test) == []


@pytest.mark.parametrize(
    ("job_id", "graph", "is_there"),
    [
        ("scim.1.2", "https://graph.microsoft.com", True),
        ("scim.1.2", "https://graph.microsoft.us", False),
        ("Workday2AD.1.2", "https://graph.microsoft.com", False),
    ],
)
def test_a_user_of_entra_opens_there_where_its_address_is_known(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job_id: str, graph: str, is_there: bool
) -> None:
    (tmp_path / "tenants.toml").write_text(
        f'[contoso]\ntenant_id = "{TENANT}"\nclient_id = "{TENANT}"\nsecret_env = "SECRET"\ngraph = "{graph}"\n'
    )
    monkeypatch.setenv("PROVISIONING_TENANTS", str(tmp_path / "tenants.toml"))
    given.succeeded("ada", 3, 9, source_id=TENANT, job_id=job_id)
    given.stored()
    links = [str(link.proto.url) for link in healthy(app("people", object=TENANT)).get("link_button")]
    place = "Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId"
    assert links == [f"https://entra.microsoft.com/{TENANT}/#view/{place}/{TENANT}"] * is_there


def test_a_failed_match_leaves_the_export_out_and_an_expected_skip_needs_no_action(given: Given) -> None:
    steps = [
        {"name": "EntryImport", "type": "import", "status": "success", "description": "", "details": "{}"},
        {"name": "Match", "type": "matching", "status": "failure", "description": "*2* accounts", "details": "{}"},
    ]
    given.failed("ada", 3, 9, action="create", error_code="DuplicateTargetEntries", steps=steps)
    given.skipped("ada", "NotEffectivelyEntitled", day=2, hour=9, app="Zoom")
    given.skipped("ada", "BrandNewReason", day=2, hour=9, app="Docs")
    given.stored()
    test = healthy(app("people", object="id-ada"))
    drawn = text(test)
    assert r"**Match** failed – \*2\* accounts" in drawn and "Export – not attempted" in drawn
    assert "**Not provisioned to Cerby since 22 Jan, 09:00 at the latest.**" in drawn
    assert "**Out of scope of Zoom** (last evaluated 21 Jan, 09:00); no action needed if that is intended." in drawn
    assert "**Skipped in Docs on 21 Jan, 09:00.** The reason `BrandNewReason` is not documented." in drawn
    assert list(table(test, "tried")["chip"]) == [["Failing"], ["Skipped"], ["Out of scope"]]


def test_a_user_of_an_app_in_quarantine_is_told_that_first_and_promised_no_retry_of_its_own(given: Given) -> None:
    given.failed("ada", 13, 9, action="create", error_code="DuplicateTargetEntries")
    given.quarantined("Cerby", 13, 10, since=moment(13, 8))
    given.stored()
    test = healthy(app("people", object="id-ada"))
    drawn = text(test).replace("\\", "")
    stopped = "**Cerby has been in quarantine since 1 Feb, 08:00**"
    assert f"{stopped} (sign-in to the app failed, or its answers are not SCIM): nothing is provisioned until" in drawn
    assert drawn.index(stopped) < drawn.index("**Not provisioned to Cerby")
    assert "Entra tries again once Cerby has left quarantine." in drawn and "tries again on " not in drawn
    [ticket] = [code.value for code in test.code if code.value.startswith("Provisioning of")]
    assert "Note:   Cerby has been in quarantine since 1 Feb, 08:00" in ticket
    assert "Cerby has been in quarantine" in text(healthy(app("users", job="Cerby"))).replace("\\", "")


def test_advice_that_holds_for_several_apps_is_given_once(given: Given) -> None:
    for app_name in ("Miro", "Slack", "Zoom"):
        given.failed("ada", 13, 9, app=app_name, action="create", error_code="DuplicateTargetEntries")
    given.failed("ada", 13, 9, app="Box", action="create", error_code="LicenseLimitExceeded")
    given.stored()
    drawn = text(healthy(app("people", object="id-ada")))
    assert drawn.count("**What to do:**") == 2 and drawn.count("Delete or rename all but one of the accounts") == 1
    assert "The same in Slack, Zoom." in drawn


@pytest.mark.usefixtures("tenant")
def test_the_full_history_opens_in_the_place_of_the_list_and_another_search_leads_back() -> None:
    test = healthy(app("people", search="ada", state="failing", object="id-ada"))
    test.button(key="full-history").click().run()
    words = {"search": "ada", "state": "failing", "object": "id-ada"}
    assert dict(healthy(test).query_params) == words | {"view": "history"} and "person_days" in questions(test)
    test.text_input(key="search").set_value("bob").run()
    assert not {"object", "view"} & healthy(test).query_params.keys()
    assert questions(test)["people"]["search"] == "bob" and questions(test)["people"]["state"] == "failing"


@pytest.mark.usefixtures("tenant")
def test_who_is_not_here_is_said_not_to_be_and_what_was_asked_stays() -> None:
    test = healthy(app("people", object="nobody", search="ada"))
    assert "No user or group in this store has the id nobody." in text(test)
    assert dict(test.query_params) == {"object": "nobody", "search": "ada"}


def test_five_thousand_events_are_read_by_the_newest_and_counted_by_day(given: Given) -> None:
    for number in range(5_000):
        day, second = divmod(number, 500)
        say = given.failed if number % 50 == 0 else given.succeeded
        say("ada", day, 1 + second // 60, second % 60, source_id="id-ada")
    given.stored()
    [*rows] = given.answer("person_days", object="id-ada")
    assert [(row["events"], row["failures"], row["successes"]) for row in rows] == [(500, 10, 490)] * 10
    assert rows[0]["day"] == moment(9).date() and rows[0]["job_id"] == job("Cerby")
    test = healthy(app("people", object="id-ada", view="history"))
    drawn = text(test)
    assert "The newest 500 events are shown, back to 28 Jan, 01:00." in drawn
    events = table(test, "why")
    assert list(events["status"].iloc[:11]) == ["failure"] * 10 + ["success"]
