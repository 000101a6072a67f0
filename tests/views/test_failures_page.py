"""The page Failures."""

import pytest

from tests.support.pages import app, healthy, text


@pytest.mark.usefixtures("tenant")
def test_failures_are_told_in_a_sentence() -> None:
    drawn = text(healthy(app("failures")))
    assert (
        "1 attempt of 7 failed (success 85.7%, benign skips left out). EntryConflict hit the most: 1 person or group."
        in drawn
    )
    assert "1 object is still failing" in drawn


@pytest.mark.usefixtures("tenant")
def test_a_window_without_a_failure_says_so() -> None:
    drawn = text(healthy(app("failures", since="2026-01-30", until="2026-01-31")))
    assert "No failure was read between 30 Jan, 00:00 UTC and 31 Jan, 00:00 UTC; 3 attempts succeeded." in drawn
