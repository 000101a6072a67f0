"""Visits: when a viewer was here before, what they chose, and that a page never fails for it."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.given import moment
from views.frame.viewer import APART, Visits, read_visits, visit_of, write_visits


def test_whoever_was_away_comes_back_for_another_visit_and_a_second_tab_is_the_same_visit() -> None:
    first = visit_of(None, moment(1))
    assert first.previous_at is None
    assert visit_of(first, moment(1) + APART - timedelta(seconds=1)).previous_at is None
    second = visit_of(first, moment(1) + APART)
    assert second.previous_at == moment(1)


def test_what_is_kept_of_a_viewer_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "viewers" / "one.json"
    visits = Visits(moment(2), moment(1, 3, 4), "local")
    write_visits(file, visits)
    assert read_visits(file) == visits
    assert [each.name for each in file.parent.iterdir()] == ["one.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seen_at": 5}', '{"seen_at": "x", "previous_at": null, "zone": 1}'])
def test_a_file_that_cannot_be_read_is_a_first_visit(tmp_path: Path, text: str) -> None:
    file = tmp_path / "one.json"
    file.write_text(text, encoding="utf-8")
    assert read_visits(file) is None
    write_visits(tmp_path / "one.json" / "none" / "two.json", Visits(moment(1)))
