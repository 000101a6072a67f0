"""What lives between two drawings: words of the address, widgets that follow them, and what a session remembers."""

import pytest

from tests.support.pages import app, healthy, table, text

HOSTILE = "'; drop table events; --<script>alert(1)</script>"


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("overview.py", ("window", "since", "until", "job", "tenant")),
        ("cycles.py", ("day", "cycle", "with")),
        ("health.py", ("rule", "all")),
        ("people.py", ("search", "state", "sort")),
        ("people.py", ("object", "event", "at")),
        ("issues.py", ("state", "fault", "noise")),
        ("issues.py", ("issue", "of")),
        ("failures.py", ("by", "bucket")),
        ("groups.py", ("group", "of")),
        ("target.py", ("part", "app", "cell")),
        ("questions.py", ("question", "limit")),
    ],
)
def test_words_that_mean_nothing_are_no_error(page: str, words: tuple[str, ...]) -> None:
    assert healthy(app(page, **dict.fromkeys(words, HOSTILE)))


@pytest.mark.usefixtures("tenant")
def test_words_that_mean_nothing_leave_the_address() -> None:
    words = dict.fromkeys(("state", "sort", "window", "job"), HOSTILE)
    assert dict(healthy(app("people", **words)).query_params) == {}


@pytest.mark.usefixtures("tenant")
def test_the_search_is_still_there_after_a_story() -> None:
    test = healthy(app("people", search="ada", object="id-ada"))
    assert "How does one person or group stand in each app?" in text(test)
    test.button[0].click().run()
    assert test.text_input(key="search").value == "ada"
    assert set(table(healthy(test), "success_share")["name"]) == {"ada@example.com"}
