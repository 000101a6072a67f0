"""The retry policy: pauses grow, are bounded and spread out, and a server's Retry-After is honoured."""

from datetime import UTC, datetime

import pytest

from pipeline.config import retry_policy
from pipeline.config.retry_policy import RetryPolicy, http_date, retry_after

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
POLICIES = [one for one in vars(retry_policy).values() if isinstance(one, RetryPolicy)]


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    policy = RetryPolicy(first_s=1, longest_s=10)
    assert [policy.pause_s(failures) for failures in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_a_first_pause_above_the_longest_is_cut_to_it() -> None:
    assert RetryPolicy(first_s=7200, longest_s=3600).pause_s(1) == 3600


@pytest.mark.parametrize("policy", POLICIES)
def test_no_pause_of_any_policy_passes_its_longest_however_often_it_failed(policy: RetryPolicy) -> None:
    pauses = [policy.pause_s(failures) for failures in (*range(1, 70), 10**6)]
    assert all(0 <= pause <= policy.longest_s for pause in pauses)


def test_with_jitter_pauses_spread_from_zero_to_their_bound() -> None:
    policy = RetryPolicy(first_s=1, longest_s=8, jitter=True)
    pauses = {failures: [policy.pause_s(failures) for _ in range(300)] for failures in (1, 3, 10)}
    assert max(pauses[1]) <= 1 < max(pauses[3]) <= 4 < max(pauses[10]) <= 8
    assert min(pauses[10]) < 1
    assert len(set(pauses[1])) > 250


@pytest.mark.parametrize("jitter", [False, True])
def test_no_pause_is_shorter_than_the_servers_retry_after_and_that_may_pass_the_longest(jitter: bool) -> None:
    policy = RetryPolicy(first_s=1, longest_s=8, jitter=jitter)
    assert all(policy.pause_s(failures, 30.0) == 30 for failures in range(1, 20))
    assert RetryPolicy(first_s=60, longest_s=60).pause_s(1, 5.0) == 60


def test_tries_are_bounded_or_without_limit() -> None:
    assert [RetryPolicy(1, 8, attempts=3).allows(failures) for failures in (1, 2, 3, 4)] == [True, True, False, False]
    assert not RetryPolicy(1, 8, attempts=1).allows(1)
    assert RetryPolicy(1, 8).allows(10**9)


def test_a_retry_after_that_is_too_long_ends_the_tries() -> None:
    policy = RetryPolicy(1, 8, attempts=5, longest_retry_after_s=150)
    assert policy.allows(1, 150.0)
    assert not policy.allows(1, 151.0)
    assert policy.allows(1, None)
    assert RetryPolicy(1, 8).allows(1, 1e9)


def test_retry_after_is_seconds_or_an_instant_by_the_servers_own_clock() -> None:
    assert retry_after("3", NOON) == 3
    assert retry_after("-3", NOON) == 0
    assert retry_after("Mon, 05 Jan 2026 12:00:20 GMT", NOON) == 20
    assert retry_after("Mon, 05 Jan 2026 11:00:00 GMT", NOON) == 0
    assert retry_after("soon", NOON) is None
    assert retry_after(None, NOON) is None


def test_an_http_date_is_utc_and_anything_else_is_none() -> None:
    assert http_date("Mon, 05 Jan 2026 13:00:00 +0100") == NOON
    assert http_date("noon") is None
    assert http_date(None) is None
