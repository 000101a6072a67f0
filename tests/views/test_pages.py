"""Draws every page through the real navigation, empty and full, and holds what it claims to what SQL says."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.config.settings import Settings
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import open_incidents, snooze
from pipeline.store.catalog import catalog
from pipeline.store.lake import Store
from tests.support.given import Given, moment
from views.app import PAGES
from views.charts.base import heat, lanes, over_time
from views.frame.filters import names, reach
from views.frame.look import plain
from views.parts.ingestion import upload

APP = Path(__file__).parents[2] / "views" / "app.py"
STEP = {
    "name": "EntryExportAdd",
    "type": "export",
    "status": "failure",
    "description": "no",
    "details": '{"MatchCount": "2"}',
}


@pytest.fixture
def tenant(given: Given) -> Store:
    """Two apps and three people: Cerby is in quarantine, ada fails in Zoom, everything else is well."""
    change = {"attribute": "userName", "old_value": None, "new_value": "ada@example.com"}
    for who in ("ada", "bob", "carol"):
        given.succeeded(who, day=11, hour=9, app="Cerby", changes=[change])
        given.succeeded(who, day=13, hour=22, app="Zoom")
    given.failed("ada", day=13, hour=22, minute=30, app="Zoom", steps=[STEP], retry_at=moment(14, 4))
    given.skipped("bob", "NotEffectivelyEntitled", day=13, hour=20, app="Zoom")
    given.exchanged("PATCH", "/Users/target-ada", 409, moment(13, 22, 30, 5), resource_id="target-ada")
    given.observed("Zoom", "Active", day=13, hour=23)
    given.quarantined("Cerby", day=13, hour=23, since=moment(12, 4, 40))
    given.loaded("inbox/zoom.json", lines=9, rejects=1, kept=8, day=13)
    given.rejected("inbox/zoom.json", 4, "zoom.json:4: id is missing; an id was expected", raw="<b>{</b>")
    given.ran("ingest", day=13, detail="1 files")
    return given.stored()


def app(page: str = PAGES[0], **words: str) -> AppTest:
    """Opens a page as an address with these words would."""
    test = AppTest.from_file(str(APP), default_timeout=60)
    for name, word in words.items():
        test.query_params[name] = word
    test.run()
    return test.switch_page(page).run() if page != PAGES[0] else test


def text(test: AppTest) -> str:
    """Gives all the words of a page."""
    kinds = ("markdown", "caption", "error", "success", "warning", "info", "header", "subheader", "code", "text")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(test, kind))


def healthy(test: AppTest) -> AppTest:
    """Holds a page to have drawn without an exception."""
    assert [error.message for error in test.exception] == []
    return test


def table(test: AppTest, column: str) -> Any:
    """Gives the first table that has a column."""
    return next(frame.value for frame in test.dataframe if column in frame.value.columns)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("store")
def test_an_empty_store_teaches_what_to_do(page: str) -> None:
    drawn = text(healthy(app(page)))
    assert "There is nothing in the store yet" in drawn
    assert "python -m pipeline ingest" in drawn
    assert "The store is empty." in drawn


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("tenant")
def test_a_full_store_is_drawn_and_says_how_fresh_it_is(page: str) -> None:
    drawn = text(healthy(app(page)))
    assert "Data to **Sun 1 Feb 2026 23:00 UTC**" in drawn
    assert "There is nothing in the store yet" not in drawn


@pytest.mark.usefixtures("tenant")
def test_the_overview_says_who_needs_somebody() -> None:
    test = healthy(app())
    held = "**Cerby** has been in quarantine since Sat 31 Jan 04:40 UTC (credentials, or answers that are not SCIM)"
    assert f"1 of 2 jobs needs you: {held}." in [error.value for error in test.error]
    assert "In **Zoom** 1 object waits for a retry, the first since Sun 1 Feb 22:30 UTC." in text(test)


def test_the_overview_is_led_by_the_incidents_once_the_rules_were_asked(tenant: Store) -> None:
    check(tenant, moment(13, 23), overrides={})
    test = healthy(app())
    [said] = [box.value for box in test.error if "you" in box.value]
    quarantined = plain("Cerby is in quarantine: EncounteredQuarantineException")
    assert said.startswith(f"1 of 2 jobs needs you: {quarantined} (since Sat 31 Jan 04:40 UTC")
    opened = tenant.rows("select count(*) from incidents where closed_at is null")[0][0]
    assert len(table(test, "leavers")) == opened > 0
    assert "By the incidents as of" in text(test) and "never asked" not in text(test)


def test_a_snoozed_incident_leaves_the_sentence_and_is_counted(tenant: Store) -> None:
    check(tenant, moment(13, 23), overrides={})
    for one in open_incidents(tenant):
        snooze(tenant, one.incident_id, moment(20))
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


@pytest.mark.usefixtures("tenant")
def test_a_link_restores_window_and_job() -> None:
    test = healthy(app(since="2026-01-30", until="2026-01-31", job="Zoom"))
    assert "Showing Fri 30 Jan 2026 00:00 UTC until Sat 31 Jan 2026 00:00 UTC." in text(test)
    assert test.selectbox(key="job").value == "Zoom"
    assert list(table(test, "in_place_share")["app_name"]) == ["Zoom"]
    assert dict(test.query_params) == {"since": "2026-01-30", "until": "2026-01-31", "job": "Zoom"}


@pytest.mark.usefixtures("tenant")
def test_the_bar_stays_when_the_page_changes() -> None:
    test = app(window="7-days", job="Zoom").switch_page("failures.py").run()
    assert test.selectbox(key="job").value == "Zoom"
    assert dict(test.query_params) == {"window": "7-days", "job": "Zoom"}


@pytest.mark.usefixtures("tenant")
def test_the_usual_window_ends_after_the_newest_data_and_not_today() -> None:
    assert "Showing Mon 19 Jan 2026 00:00 UTC until Mon 2 Feb 2026 00:00 UTC." in text(healthy(app()))


@pytest.mark.usefixtures("tenant")
def test_an_impossible_window_is_said_and_not_an_error() -> None:
    test = healthy(app(since="2026-01-31", until="2026-01-30"))
    assert "The window must begin before it ends" in text(test)
    assert healthy(app(since="yesterday-ish", job="nobody", window="soon"))


def test_people_are_counted_and_found(tenant: Store) -> None:
    test = healthy(app("people.py"))
    [(found,)] = tenant.rows("select count(*) from identities")
    assert (
        f"**{found} people and groups (over all apps; who is in two apps counts twice): 5 in sync, 1 failing.**"
        in text(test)
    )
    test.text_input(key="search").set_value("ADA@").run()
    assert list(table(healthy(test), "success_share")["app_name"]) == ["Zoom", "Cerby"]
    test.text_input(key="search").set_value("nobody at all").run()
    assert "No person or group matches “nobody at all” here." in text(healthy(test))


@pytest.mark.usefixtures("tenant")
def test_a_link_restores_the_search_for_people() -> None:
    test = AppTest.from_file(str(APP), default_timeout=60).switch_page("people.py")
    test.query_params["search"], test.query_params["state"] = "ada", "failing"
    rows = table(healthy(test.run()), "success_share")
    assert list(zip(rows["name"], rows["app_name"], strict=True)) == [("ada@example.com", "Zoom")]


def story(who: str) -> AppTest:
    """Opens the story of somebody."""
    test = AppTest.from_file(str(APP), default_timeout=60).switch_page("people.py")
    test.query_params["object"] = who
    return test.run()


@pytest.mark.usefixtures("tenant")
def test_the_story_of_a_person_has_a_verdict_per_app() -> None:
    drawn = text(healthy(story("id-ada")))
    assert "In **Cerby**: both sides match, last good Fri 30 Jan 09:00 UTC; 1 of 1 attempt good (100 %)." in drawn
    failing = "failing since Sun 1 Feb 22:30 UTC with EntryConflict, next try Mon 2 Feb 04:00 UTC"
    assert f"In **Zoom**: {failing}; last good: Sun 1 Feb 22:00 UTC; 1 of 2 attempts good (50 %)." in drawn


@pytest.mark.usefixtures("tenant")
def test_the_story_opens_the_newest_failure_with_its_steps_and_its_request() -> None:
    test = healthy(story("id-ada"))
    labels = [expander.label for expander in test.expander]
    assert "1. export · :red[Failure] · EntryExportAdd" in labels
    assert "PATCH → 409 · 22:30:05 UTC" in labels
    assert list(table(test, "Value")["Name"]) == ["MatchCount"]
    assert "Nothing was to be altered." in text(test)


@pytest.mark.usefixtures("tenant")
def test_nobody_is_a_sentence() -> None:
    assert "Nobody in the store has the id nobody" in text(healthy(story("nobody")))


def test_text_from_a_log_neither_formats_nor_links(given: Given) -> None:
    given.failed("ada", day=13, source_name="**bold** [x](http://evil) :red[y]", app="<b>Zoom</b>")
    given.stored()
    drawn = [header.value for header in healthy(story("id-ada")).header]
    assert drawn == [plain("**bold** [x](http://evil) :red[y]")]
    assert r"\*\*bold\*\* \[x\]\(http\:" in drawn[0]
    assert healthy(app())


@pytest.mark.usefixtures("tenant")
def test_failures_are_told_in_a_sentence() -> None:
    drawn = text(healthy(app("failures.py")))
    assert (
        "1 attempt of 7 failed (success 85.7 %, benign skips left out). EntryConflict hit the most: 1 person or group."
        in drawn
    )
    assert "1 object is still failing" in drawn


@pytest.mark.usefixtures("tenant")
def test_a_window_without_a_failure_says_so() -> None:
    drawn = text(healthy(app("failures.py", since="2026-01-30", until="2026-01-31")))
    assert "No failure was read between Fri 30 Jan 00:00 UTC and Sat 31 Jan 00:00 UTC; 3 attempts succeeded." in drawn


@pytest.mark.usefixtures("tenant")
def test_every_question_can_be_asked_from_its_page() -> None:
    test = healthy(app("questions.py"))
    for name, query in catalog().items():
        test.selectbox(key="question").set_value(name).run()
        assert f"queries/{name}.sql" in text(healthy(test))
        needed = [
            each.name for each in query.parameters if each.default is None and each.name not in ("since", "until")
        ]
        assert bool(test.warning) == bool(needed)


@pytest.mark.usefixtures("tenant")
def test_a_questions_values_are_in_its_address() -> None:
    test = AppTest.from_file(str(APP), default_timeout=60).switch_page("questions.py")
    test.query_params["question"], test.query_params["object"] = "person_events", "id-ada"
    assert "**3 rows**" in text(healthy(test.run()))
    test.text_input(key="value-person_events-limit").set_value("two").run()
    assert r"limit is 'two'; a whole number was expected" in text(healthy(test))
    assert test.query_params["limit"] == "two"


@pytest.mark.usefixtures("tenant")
def test_ingestion_accounts_for_every_line() -> None:
    test = healthy(app("ingestion.py"))
    assert "**1 file with 9 lines: 8 kept, 0 duplicates, 1 reject.**" in text(test)
    assert list(table(test, "text")["text"]) == ["<b>{</b>"]
    assert "Nobody runs the beats" in text(test)


def test_a_store_that_cannot_be_opened_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", "ducklake:sqlite:/proc/no/catalog.sqlite")
    test = healthy(app())
    assert len(test.error) == 1 and "cannot be opened" in test.error[0].value
    monkeypatch.setenv("PROVISIONING_STORE", "oracle:")
    assert "PROVISIONING_STORE is 'oracle:'" in healthy(app()).error[0].value


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\..\\passwd", "a/b/passwd", ".passwd"])
def test_an_upload_never_leaves_the_inbox(name: str, settings: Settings) -> None:
    path = upload.save(settings.inbox, name, b"{}")
    assert path == settings.inbox / "passwd"
    assert path.read_bytes() == b"{}"


def test_an_upload_never_overwrites_another_file(settings: Settings) -> None:
    first = upload.save(settings.inbox, "log.json.gz", b"1")
    assert upload.save(settings.inbox, "log.json.gz", b"2").name == "log-2.json.gz"
    assert upload.save(settings.inbox, "log.json.gz", b"1") == first
    assert upload.save(settings.inbox, "..", b"3").name == "upload"


def test_two_jobs_of_one_app_are_told_apart() -> None:
    jobs = pd.DataFrame({"job_id": ["a.111111", "b.222222", "c"], "app_name": ["Zoom", "Zoom", "Cerby"]})
    assert names(jobs) == {"Zoom 111111": "a.111111", "Zoom 222222": "b.222222", "Cerby": "c"}


def test_all_data_reaches_from_the_first_instant_to_after_the_last() -> None:
    assert reach("all", moment(0, 1, 5), moment(2, 3)) == (moment(0, 1), moment(2, 4))
    assert reach("24-hours", None, moment(2, 3))[0] == moment(1, 4)


def test_unknown_hours_are_hatched_and_quiet_ones_are_not() -> None:
    hours = [moment(0, hour) for hour in range(4)]
    cells = pd.DataFrame(
        {
            "hour": hours,
            "job_id": "z",
            "app_name": "Zoom",
            "attempts": [0, None, None, 2],
            "failures": [0, None, None, 1],
            "state": ["complete", "unknown", "unknown", "partial"],
        }
    )
    figure = heat(cells)
    hatched, dotted = (trace for trace in figure.data if trace.type == "bar")
    hour = timedelta(hours=1) / timedelta(milliseconds=1)
    assert (list(hatched.width), hatched.marker.pattern.shape) == ([2 * hour], "/")
    assert (list(dotted.width), dotted.marker.pattern.shape) == ([hour], ".")
    words = next(trace.text for trace in figure.data if trace.type == "scatter")
    assert [word.rpartition("<br>")[2] for word in words] == [
        "nothing was tried",
        "unknown: nothing that was read speaks for this hour",
        "unknown: nothing that was read speaks for this hour",
        "1 of 2 attempts failed, as far as it is known: the hour is partial",
    ]


def test_a_chart_of_nothing_but_unknown_hours_is_still_a_chart() -> None:
    cells = pd.DataFrame(
        {
            "hour": [moment()],
            "job_id": "z",
            "app_name": "Zoom",
            "attempts": [None],
            "failures": [None],
            "state": "unknown",
        }
    )
    assert heat(cells.astype({"attempts": float, "failures": float})).data


def test_marks_carry_what_a_selection_needs() -> None:
    bars = over_time(pd.DataFrame({"bucket": [moment()], "label": ["Timeout"], "failures": [3]}), 24)
    assert list(bars.data[0].customdata[0]) == ["Timeout", "2026-01-19"]
    told = {"occurred_at": [moment()], "app_name": ["Zoom"], "status": ["failure"], "event_id": ["e"], "job_id": ["j"]}
    marks = lanes(pd.DataFrame(told | {"action": ["create"], "said": ["Timeout"]}))
    assert list(marks.data[0].customdata[0])[:2] == ["e", "j"]
    assert marks.data[0].marker.symbol == "x"


def test_a_job_without_an_app_name_goes_by_its_id(given: Given) -> None:
    given.failed("ada", day=13, app_name=None, app_id=None, cycle_id=None, upn=None, source_name=None)
    given.stored()
    assert list(table(healthy(app()), "in_place_share")["app_name"]) == ["scim.cerby"]
    assert "In **scim\\.cerby**: failing" in text(healthy(story("id-ada")))
    assert healthy(app("failures.py")) and healthy(app("people.py"))
