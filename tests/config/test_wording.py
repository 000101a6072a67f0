"""The formatter: what a person reads is short, and never says more than is so."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import wording

INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31))
SECONDS = st.integers(0, 50 * 365 * 86_400)
UNITS = {"s": 1, "min": 60, "h": 3600, "day": 86_400, "days": 86_400}


def seconds_of(text: str) -> int:
    """Reads a span back."""
    words = text.split()
    return sum(int(number.replace(",", "")) * UNITS[unit] for number, unit in zip(words[::2], words[1::2], strict=True))


@given(st.floats(0, 1))
def test_a_share_reads_all_only_for_all_and_none_only_for_none(value: float) -> None:
    text = wording.share(value)
    assert (text == "100%") == (value == 1)
    assert (text == "0%") == (value == 0)
    assert text == "under 0.1%" or re.fullmatch(r"\d{1,3}(\.\d)?%", text)


@given(st.floats(0, 1))
def test_a_share_is_off_by_less_than_a_tenth_of_a_percent(value: float) -> None:
    text = wording.share(value)
    read = 0.0 if text == "under 0.1%" else float(text.removesuffix("%"))
    assert abs(read - value * 100) < 0.1


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_whoever_failed_keeps_a_share_below_all(successes: int, failures: int) -> None:
    assert (wording.share(successes / (successes + failures)) == "100%") == (failures == 0)


@given(SECONDS)
def test_a_span_has_at_most_two_units_and_leaves_less_than_the_smaller_one_out(length: int) -> None:
    text = wording.span(length)
    assert 2 <= len(text.split()) <= 4
    smallest = 3600 if length >= 86_400 else 60 if length >= 60 else 1
    assert 0 <= length - seconds_of(text) < smallest
    assert not re.search(r"\b0 (min|h|days?)", text)


@given(SECONDS, SECONDS)
def test_a_longer_span_never_reads_shorter(one: int, other: int) -> None:
    short, long = sorted((one, other))
    assert seconds_of(wording.span(short)) <= seconds_of(wording.span(long))


@given(SECONDS)
def test_a_span_reads_alike_from_seconds_and_from_a_timedelta(length: int) -> None:
    assert wording.span(length) == wording.span(float(length)) == wording.span(timedelta(seconds=length))
    assert wording.span(-length) == (f"-{wording.span(length)}" if length else "0 s")


@pytest.mark.parametrize("absent", [None, float("nan")])
def test_what_is_missing_reads_as_missing(absent: float | None) -> None:
    assert wording.span(absent) == wording.share(absent) == "unknown"
    assert wording.span(absent, "–") == wording.share(absent, "–") == "–"
    assert wording.instant(None) == wording.dated(None) == "never"


@given(INSTANTS)
def test_an_instant_is_read_back_to_the_minute(at: datetime) -> None:
    minute = at.replace(second=0, microsecond=0)
    assert datetime.strptime(wording.dated(at), "%d %b %Y, %H:%M UTC") == minute
    assert wording.dated(at) == f"{wording.day(at)}, {wording.clock_time(at)}"
    assert wording.dated(at).replace(f" {at.year},", ",") == wording.instant(at)


@given(INSTANTS)
def test_what_programs_read_is_read_back_whole(at: datetime) -> None:
    assert datetime.fromisoformat(wording.iso(at)) == at.replace(tzinfo=UTC)
    east = at.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert wording.iso(east) == wording.iso(at)


@given(INSTANTS)
def test_an_address_is_read_back_to_the_minute(at: datetime) -> None:
    assert datetime.fromisoformat(wording.address(at)) == at.replace(second=0, microsecond=0)


@given(st.integers(0, 10**12))
def test_a_count_keeps_its_number_and_one_is_singular(number: int) -> None:
    digits, noun = wording.count(number, "person", "people").split()
    assert int(digits.replace(",", "")) == number
    assert noun == ("person" if number == 1 else "people")
