"""The tab Scope: what the address names opens, and what it names that is not here is said."""

import pytest

from tests.support.given import Given
from tests.support.pages import app, healthy, text


@pytest.fixture
def skips(given: Given) -> Given:
    """Bob is skipped in Zoom on one day, ada is provisioned two days later."""
    given.skipped("bob", "EntityTypeNotSupported", day=9, hour=20, app="Zoom")
    given.succeeded("ada", day=11, hour=9, app="Zoom")
    given.stored()
    return given


@pytest.mark.usefixtures("skips")
def test_a_skip_reason_of_the_address_opens_whom_it_is_of() -> None:
    test = healthy(app("scope", skip="unsupported object"))
    assert "1 user or group" in text(test) and not test.warning


@pytest.mark.usefixtures("skips")
def test_a_skip_reason_without_a_skip_in_the_time_range_is_not_unknown() -> None:
    test = healthy(app("scope", skip="unsupported object", window="24-hours"))
    assert "No user or group in this time range." in text(test) and not test.warning


@pytest.mark.usefixtures("skips")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"skip": "mis*typed"}, r"There is no skip with the reason “mis\*typed” in this store before"),
        ({"clause": "mistyped"}, "There is no skip with this scoping clause in this store before"),
        ({"stage": "mistyped"}, "The funnel of this time range has no bar “mistyped”."),
        ({"stage": "seen / mistyped"}, "The funnel of this time range has no bar “seen / mistyped”."),
    ],
)
def test_what_the_address_names_and_the_store_has_not_is_said(words: dict[str, str], sentence: str) -> None:
    test = healthy(app("scope", **words))
    assert sentence in "".join(box.value for box in test.warning)
    assert "No user or group in this time range." not in text(test)
    [panel] = test.get("dialog")
    assert "istyped" not in panel.proto.dialog.title


@pytest.mark.usefixtures("skips")
def test_a_bar_of_the_funnel_opens_who_is_in_it() -> None:
    test = healthy(app("scope", stage="seen"))
    assert "**Seen**: 2 users and groups" in text(test) and not test.warning


@pytest.mark.usefixtures("skips")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"job": "Zoooom"}, "There is no app “Zoooom” in this store; showing all apps."),
        ({"window": "fortnight"}, "The address names an unknown time range, “fortnight”; showing the last 14 days."),
        (
            {"window": "fortnight", "since": "2026-01-20T00:00", "until": "2026-01-22T00:00"},
            "The address names an unknown time range, “fortnight”; showing the time between its two ends.",
        ),
        ({"since": "yesterday"}, "The address has an invalid time: “yesterday”."),
    ],
)
def test_an_address_that_names_nothing_here_says_so_once(words: dict[str, str], sentence: str) -> None:
    test = healthy(app("apps", **words))
    assert [box.value for box in test.warning if box.value == sentence] == [sentence]
    assert sentence not in "".join(box.value for box in test.run().warning)


@pytest.mark.usefixtures("skips")
def test_an_app_is_found_by_its_name_and_by_the_id_of_its_job() -> None:
    for job in ("Zoom", "scim.zoom"):
        assert not healthy(app("apps", job=job)).warning
