"""What lives between two drawings: words of the address, widgets that follow them, and what a session remembers."""

import pytest

from tests.support.cases import thinned
from tests.support.pages import app, healthy, table, text

HOSTILE = "'; drop table events; --<script>alert(1)</script>"


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(
    ("page", "words"),
    thinned(
        [
            ("home", ("window", "since", "until", "job", "tenant", "tab")),
            ("cycles", ("day", "cycle", "with")),
            ("rules", ("rule",)),
            ("issues", ("incident", "tab", "code")),
            ("people", ("search", "state", "sort")),
            ("people", ("object", "event", "at")),
            ("issues", ("state", "fault", "noise")),
            ("issues", ("issue", "of")),
            ("failures", ("by", "bucket")),
            ("groups", ("group", "of")),
            ("traffic", ("part", "app", "cell")),
            ("query", ("question", "saved", "sql", "limit")),
        ]
    ),
)
def test_words_that_mean_nothing_are_no_error(page: str, words: tuple[str, ...]) -> None:
    assert healthy(app(page, **dict.fromkeys(words, HOSTILE)))


@pytest.mark.usefixtures("tenant")
def test_words_that_mean_nothing_leave_the_address() -> None:
    words = dict.fromkeys(("state", "sort", "window", "job"), HOSTILE)
    assert dict(healthy(app("people", **words)).query_params) == {}


@pytest.mark.usefixtures("tenant")
def test_the_search_is_still_there_beside_a_side_panel() -> None:
    test = healthy(app("people", search="ada", object="id-ada"))
    assert test.text_input(key="search").value == "ada"
    assert set(table(test, "success_share")["name"]) == {"ada@example.com"}
    assert dict(test.query_params) == {"search": "ada", "object": "id-ada"}


@pytest.mark.usefixtures("tenant")
def test_the_open_tab_stands_in_the_address_and_leaves_it_with_the_page() -> None:
    test = healthy(app("scope", job="Zoom"))
    assert dict(test.query_params) == {"tab": "scope", "job": "Zoom"}
    test.switch_page("issues.py").run()
    assert dict(test.query_params) == {"job": "Zoom"}


@pytest.mark.usefixtures("tenant")
def test_instants_are_written_in_the_zone_of_the_viewer() -> None:
    test = healthy(app())
    assert "19 Jan 2026, 00:00 to 1 Feb 2026, 23:00, the newest data (UTC)" in text(test)
