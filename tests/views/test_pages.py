"""Draws every page through the real navigation, empty and full, and the bar that all of them share."""

import pytest

from tests.support.given import Given
from tests.support.pages import app, healthy, table, text
from views.app import PAGES
from views.frame.look import plain


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
    assert "Data to **1 Feb 2026, 23:00 UTC**" in drawn
    assert "There is nothing in the store yet" not in drawn


@pytest.mark.usefixtures("tenant")
def test_a_link_restores_window_and_job() -> None:
    test = healthy(app(since="2026-01-30", until="2026-01-31", job="Zoom"))
    assert "Showing 30 Jan 2026, 00:00 UTC until 31 Jan 2026, 00:00 UTC." in text(test)
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
    assert "Showing 19 Jan 2026, 00:00 UTC until 2 Feb 2026, 00:00 UTC." in text(healthy(app()))


@pytest.mark.usefixtures("tenant")
def test_an_impossible_window_is_said_and_not_an_error() -> None:
    test = healthy(app(since="2026-01-31", until="2026-01-30"))
    assert "The window must begin before it ends" in text(test)
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
    assert list(table(healthy(app()), "in_place_share")["app_name"]) == ["scim.cerby"]
    assert "In **scim\\.cerby**: failing" in text(healthy(app("people", object="id-ada")))
    assert healthy(app("failures")) and healthy(app("people"))
