"""Draws every page through the real navigation, empty and full, and the bar that all of them share."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.cases import thinned
from tests.support.given import Given
from tests.support.page_words import faults_of_words
from tests.support.pages import app, healthy, table, text
from views.frame.export import label_text
from views.frame.look import plain
from views.frame.places import PLACES
from views.frame.state import SHOWN_COLUMNS, SHOWN_TABLES

OPENED = [*PLACES, "apps of Cerby"]
SHOWN_WHEN_EMPTY = ("sources", "rules", "notifications", "access")


def opened(place: str) -> AppTest:
    """Opens a place, or the page of one app."""
    return healthy(app("apps", job="Cerby") if place == "apps of Cerby" else app(place))


@pytest.mark.parametrize("place", thinned(PLACES))
@pytest.mark.usefixtures("store")
def test_an_empty_store_shows_the_way_to_data(place: str) -> None:
    test = opened(place)
    assert faults_of_words(test) == []
    if place == "home":
        assert [each.value for each in test.subheader] == ["Connect a tenant", "Drop an export", "Explore the sample"]
        assert "python -m pipeline ingest PATH" in text(test)
    elif PLACES[place].file.removesuffix(".py") not in SHOWN_WHEN_EMPTY:
        assert "No data yet" in text(test)
        assert ("", "") in {(link.proto.page, link.proto.query_string) for link in test.get("page_link")}


@pytest.mark.parametrize("place", thinned(OPENED))
@pytest.mark.usefixtures("tenant")
def test_a_full_store_is_drawn_under_one_title_and_says_how_fresh_it_is(place: str) -> None:
    test = opened(place)
    assert len(test.title) == 1
    assert "**Newest record:** 1 Feb 2026, 23:00" in text(test)
    assert "No data yet" not in text(test)
    assert faults_of_words(test) == []
    shown = [one.columns for one in test.session_state[SHOWN_COLUMNS.name].values()]
    shown += [columns for _, columns in test.session_state[SHOWN_TABLES.name].values()]
    heads = [label_text(name, column) for columns in shown for name, column in columns.items()]
    assert [head for head in heads if "Result(" in head] == []


@pytest.mark.usefixtures("tenant")
def test_a_link_restores_window_and_job() -> None:
    test = healthy(app("apps", since="2026-01-30", until="2026-01-31", job="Zoom"))
    assert "30 Jan 2026, 00:00 to 31 Jan 2026, 00:00 (UTC)" in text(test)
    assert test.selectbox(key="job").value == "Zoom"
    assert [each.value for each in test.title] == ["Zoom"]
    assert dict(test.query_params) == {"since": "2026-01-30", "until": "2026-01-31", "job": "Zoom"}


@pytest.mark.usefixtures("tenant")
def test_the_bar_stays_when_the_page_changes() -> None:
    test = app(window="7-days", job="Zoom").switch_page("issues.py").run()
    assert test.selectbox(key="job").value == "Zoom"
    assert dict(test.query_params) == {"window": "7-days", "job": "Zoom"}


@pytest.mark.usefixtures("tenant")
def test_the_way_back_from_an_app_leads_to_all_apps() -> None:
    test = healthy(app("apps", job="Zoom"))
    # Back on the same page returns to an address without an app.
    del test.query_params["job"]
    assert [each.value for each in healthy(test.run()).title] == ["Apps"]
    test = healthy(app("apps", window="7-days", job="Zoom"))
    [way] = [each for each in test.button if each.label == "Apps"]
    assert [each.value for each in healthy(way.click().run()).title] == ["Apps"]
    assert dict(test.query_params) == {"window": "7-days"}
    # Home begins with all apps, in the same time range.
    test = app("apps", window="7-days", job="Zoom").switch_page("home.py").run()
    assert healthy(test).selectbox(key="job").value is None
    assert dict(test.query_params) == {"window": "7-days"}


@pytest.mark.usefixtures("tenant")
def test_the_usual_window_ends_after_the_newest_data_and_not_today() -> None:
    assert "19 Jan 2026, 00:00 to 1 Feb 2026, 23:00, the newest data (UTC)" in text(healthy(app()))


@pytest.mark.usefixtures("tenant")
def test_an_impossible_window_is_said_and_not_an_error() -> None:
    test = healthy(app(since="2026-01-31", until="2026-01-30"))
    assert "The time range must begin before it ends" in text(test)
    assert healthy(app(since="yesterday-ish", job="nobody", window="soon"))


def test_a_store_that_cannot_be_opened_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", "ducklake:sqlite:/proc/no/catalog.sqlite")
    test = healthy(app())
    assert len(test.error) == 1 and "cannot be opened" in test.error[0].value
    monkeypatch.setenv("PROVISIONING_STORE", "oracle:")
    assert plain("PROVISIONING_STORE is 'oracle:'") in healthy(app()).error[0].value


def test_a_job_without_an_app_name_goes_by_its_id(given: Given) -> None:
    given.failed("ada", day=13, app_name=None, app_id=None, cycle_id=None, upn=None, source_name=None)
    given.stored()
    assert list(table(healthy(app("people")), "success_share")["app_name"]) == ["scim.cerby"]
    assert healthy(app("people", object="id-ada")) and healthy(app("failures"))
