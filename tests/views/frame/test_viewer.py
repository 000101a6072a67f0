"""Visits: when a viewer was here before, what they chose, and that a page never fails for it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.given import moment
from views.frame.viewer import APART, Seen, Visits, read_visits, visit_of, write_visits


def seen(day: int) -> Seen:
    """What was seen at the end of a day, of data and checks of the hour before."""
    return Seen(moment(day), moment(day - 1, 23), moment(day - 1, 22, 30))


def test_whoever_was_away_comes_back_for_another_visit_and_a_second_tab_is_the_same_visit() -> None:
    first = visit_of(None, seen(1))
    assert first.previous is None
    assert visit_of(first, replace(seen(2), at=moment(1) + APART - timedelta(seconds=1))).previous is None
    second = visit_of(first, replace(seen(2), at=moment(1) + APART))
    assert second.previous == seen(1)


def test_what_is_kept_of_a_viewer_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "viewers" / "one.json"
    for previous in (None, seen(1), replace(seen(1), checked_at=None)):
        visits = Visits(seen(2), previous, "local")
        write_visits(file, visits)
        assert read_visits(file) == visits
    assert [each.name for each in file.parent.iterdir()] == ["one.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seen_at": 5}', '{"last": {"at": "x"}, "zone": 1}'])
def test_a_file_that_cannot_be_read_is_a_first_visit(tmp_path: Path, text: str) -> None:
    file = tmp_path / "one.json"
    file.write_text(text, encoding="utf-8")
    assert read_visits(file) is None
    write_visits(tmp_path / "one.json" / "none" / "two.json", Visits(seen(1)))
