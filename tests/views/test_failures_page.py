"""The tab Failures over time on Issues."""

import pytest

from tests.support.page_words import faults_of_words
from tests.support.pages import app, healthy, table, text


@pytest.mark.usefixtures("tenant")
def test_failures_are_counted_in_a_sentence_and_an_error_opens_beside_them() -> None:
    test = healthy(app("failures", code="EntryConflict"))
    drawn = text(test)
    assert faults_of_words(test) == []
    assert "1 of 7 attempts failed (success rate 85.7%, expected skips not counted)." in drawn
    assert "Most widespread error: Another object has this value already (`EntryConflict`), 1 user or group." in drawn
    assert "1 user or group is still failing with these errors." in drawn
    assert list(table(test, "still_failing")["title"]) == ["Another object has this value already"]
    assert "Error code `EntryConflict`: " in drawn and "What to do:" in drawn
    events = table(test, "event_id")
    assert list(events["error_code"]) == ["EntryConflict"] and list(events["status"]) == ["Failure"]
    assert list(events["action"]) == ["Update"]


@pytest.mark.usefixtures("tenant")
def test_a_time_range_without_a_failure_says_so() -> None:
    drawn = text(healthy(app("failures", since="2026-01-30", until="2026-01-31")))
    assert "No failures between 30 Jan, 00:00 and 31 Jan, 00:00; 3 successful attempts." in drawn
