"""The full history of one user: both sides in lanes, the state that Entra believed in, and the note for a ticket."""

from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.support.given import Given, moment
from tests.support.given import job_id as job
from tests.support.page_words import faults_of_words
from tests.support.pages import app, healthy, table, text
from views.charts.story import story_lanes
from views.frame.look import plain
from views.parts.people.note import note

ADA = {"object": "id-ada"}


def change(attribute: str, old: str | None, new: str | None) -> dict[str, str | None]:
    return {"attribute": attribute, "old_value": old, "new_value": new}


@pytest.fixture
def ada_story(given: Given) -> Given:
    """Ada is created, promoted, her next change fails; beside it another's request and a new scope."""
    given.succeeded(
        "ada", 1, 9, action="create", changes=[change("title", None, "Baker"), change("active", None, "True")]
    )
    given.succeeded("ada", 2, 9, changes=[change("title", "Baker", "Cook")])
    given.failed("ada", 3, 9, changes=[change("title", "Cook", "Chef")], retry_at=moment(3, 15))
    given.succeeded("bob", 2, 9)
    for who, day, status in (("ada", 2, 200), ("ada", 3, 409), ("bob", 2, 200)):
        given.exchanged("PATCH", f"/Users/target-{who}", status, moment(day, 9, 0, 3), app_id="app-cerby",
                        resource_id=f"target-{who}", resource_type="User", operation="update")  # fmt: skip
    for day, scope in ((0, "all"), (2, "assigned")):
        given.rows["configurations"].append(
            {
                "job_id": job("Cerby"),
                "app_name": "Cerby",
                "observed_at": moment(day),
                "scope_mode": scope,
                "digest": scope,
            }
        )
    given.stored()
    return given


def state_at(given: Given, day: int, hour: int) -> dict[str, tuple[str | None, Any]]:
    """Gives each attribute's value and since when."""
    rows = given.answer("person_state_at", at=moment(day, hour), **ADA)
    return {row["attribute"]: (row["value"], row["since"]) for row in rows}


def test_the_state_at_an_instant_is_the_last_good_export_of_each_attribute(ada_story: Given) -> None:
    assert state_at(ada_story, 1, 8) == {}
    assert state_at(ada_story, 1, 9)["title"] == ("Baker", moment(1, 9))
    assert state_at(ada_story, 4, 0) == {"title": ("Cook", moment(2, 9)), "active": ("True", moment(1, 9))}
    ada_story.succeeded("ada", 5, 9, changes=[change("title", "Cook", None)])
    ada_story.stored()
    assert state_at(ada_story, 6, 0)["title"] == (None, moment(5, 9))
    ada_story.succeeded("ada", 7, 9, action="delete")
    ada_story.stored()
    assert state_at(ada_story, 8, 0) == {}


def test_each_value_names_the_event_that_it_came_from(ada_story: Given) -> None:
    rows = ada_story.answer("person_state_at", at=moment(4), **ADA)
    assert [(row["attribute"], row["event_id"], row["times"]) for row in rows] == [
        ("active", "event-1", 1),
        ("title", "event-2", 2),
    ]


def test_only_requests_about_the_person_are_in_the_app_s_lane(ada_story: Given) -> None:
    rows = ada_story.answer("person_requests", **ADA)
    assert [(row["exchange_id"], row["http_status"], row["app_name"]) for row in rows] == [
        ("exchange-1", 409, "Cerby"),
        ("exchange-0", 200, "Cerby"),
    ]


def test_a_configuration_change_is_pinned_and_the_first_reading_is_none(ada_story: Given) -> None:
    [row] = ada_story.answer("person_configurations", **ADA)
    assert (row["observed_at"], row["what"]) == (moment(2), "scope all → assigned")


def test_the_cycles_behind_are_those_of_the_person_s_events_and_as_long_as_everybody_s(ada_story: Given) -> None:
    ada_story.failed("cy", 3, 9, 20)
    ada_story.stored()
    rows = ada_story.answer("person_cycles", **ADA)
    newest = rows[0]
    assert (newest["began_at"], newest["ended_at"], newest["events"], newest["failed"]) == (
        moment(3, 9), moment(3, 9, 20), 2, 2,
    )  # fmt: skip
    assert len(rows) == 3


def test_the_chart_has_a_lane_for_each_side_and_the_app_s_only_where_it_was_heard(ada_story: Given) -> None:
    frames = [pd.DataFrame(ada_story.answer(name, **ADA)) for name in (
        "person_events", "person_requests", "person_cycles", "person_configurations")]  # fmt: skip
    figure = story_lanes(frames[0].assign(why=""), *frames[1:], at=moment(2))
    assert list(figure.layout.yaxis.categoryarray) == ["Cerby · the app", "Cerby · Entra"]
    assert {trace.name for trace in figure.data} == {
        "Success",
        "Failure",
        "Accepted by the app",
        "Rejected, or no response",
    }
    assert [note.hovertext for note in figure.layout.annotations] == ["Cerby: scope all → assigned"]
    alone = story_lanes(frames[0].assign(why=""), frames[1].iloc[:0], *frames[2:])
    assert list(alone.layout.yaxis.categoryarray) == ["Cerby · Entra"]


def story(**words: str) -> AppTest:
    """Opens ada's full history."""
    return healthy(app("people", **({"object": "id-ada", "view": "history"} | words)))


@pytest.mark.usefixtures("ada_story")
def test_the_story_shows_the_matched_request_the_state_and_a_note() -> None:
    test = story()
    drawn = text(test)
    assert faults_of_words(test) == [] and "Matched to this event by score" in drawn
    assert list(table(test, "new_value")["attribute"]) == ["title"]
    state = next(frame.value for frame in test.dataframe if "times" in frame.value.columns)
    assert list(zip(state["attribute"], state["value"], strict=True)) == [("active", "True"), ("title", "Cook")]
    written = next(
        code.value for code in test.code if code.value.startswith("Provisioning of ada@example.com to Cerby")
    )
    for said in (
        "Who:    ada@example.com (id in Entra id-ada, in the app target-ada)",
        "State:  failing since 22 Jan, 09:00 UTC",
        "Error:  EntryConflict",
        "Ids:    event event-3, job scim.cerby, request exchange-1",
        "http://localhost:8501/people?since=2026-01-08T10:00",
    ):
        assert said in written, said
    assert "object=id-ada&event=event-3" in written


@pytest.mark.usefixtures("ada_story")
def test_an_address_that_names_an_instant_shows_the_state_of_then() -> None:
    test = story(at=moment(1, 9).isoformat())
    state = next(frame.value for frame in test.dataframe if "times" in frame.value.columns)
    assert dict(zip(state["attribute"], state["value"], strict=True))["title"] == "Baker"
    assert "As of **20 Jan, 09:00**" in text(test)


def test_a_note_says_how_the_other_apps_stand_and_no_error_where_there_is_none(ada_story: Given) -> None:
    ada_story.succeeded("ada", 4, app="Zoom")
    ada_story.stored()
    states = ada_story.answer("person_states", **ADA)
    [newest, *_] = ada_story.answer("person_events", job=job("Zoom"), **ADA)
    written = note("id-ada", states, newest, pd.DataFrame(), "http://localhost:8501/people?object=id-ada")
    assert written.startswith("Provisioning of ada@example.com to Zoom: was in sync")
    assert "Others: Cerby failing" in written
    assert "Error:" not in written and "Log:" not in written


@pytest.mark.usefixtures("tenant")
def test_the_history_has_a_sentence_per_app_and_leads_back_to_the_same_list() -> None:
    test = story(search="ada", state="failing")
    drawn = text(test)
    assert "**Was in sync with Cerby**; last success 30 Jan, 09:00." in drawn
    assert "**Changes not applied in Zoom since 1 Feb, 22:30.**" in drawn
    test.button(key="all-users").click().run()
    assert dict(healthy(test).query_params) == {"search": "ada", "state": "failing"}
    assert list(table(test, "why")["app_name"]) == ["Zoom"]


@pytest.mark.usefixtures("tenant")
def test_the_story_opens_the_newest_failure_with_its_steps_and_its_request() -> None:
    test = healthy(story())
    labels = [expander.label for expander in test.expander]
    assert ":material/error: 1. Export · :red[Failure]" in labels
    assert ":material/error: PATCH → 409 · 22:30:05" in labels
    assert list(table(test, "Value")["Name"]) == ["MatchCount"]
    assert "No attribute changes." in text(test)


def test_text_from_a_log_neither_formats_nor_links(given: Given) -> None:
    given.failed("ada", day=13, source_name="**bold** [x](http://evil) :red[y]", app="<b>Zoom</b>")
    given.stored()
    drawn = [header.value for header in healthy(story()).header]
    assert drawn == [plain("**bold** [x](http://evil) :red[y]")]
    assert r"\*\*bold\*\* \[x\]\(http\:" in drawn[0]
    assert healthy(app())
