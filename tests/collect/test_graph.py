"""Requests to Graph: the rate limit, the windows, what is tried again, and the errors' sentences."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep

import pytest

from demo.faults import Trigger
from demo.standin import StandIn
from pipeline.collect.graph.client import (
    CertificateUntrusted,
    Forbidden,
    Graph,
    MalformedAnswer,
    RequestPolicy,
    ResourceMissing,
    SignInRefused,
    Throttled,
    TimedOut,
    UnexpectedLink,
    Unreachable,
)
from pipeline.collect.graph.limiter import RateLimiter, limiter_for
from pipeline.collect.graph.replies import clock_skew, error_text
from pipeline.collect.windows import (
    Covered,
    Window,
    covered,
    gaps,
    halves,
    merged,
    newest_window,
    next_gap,
    unsettled,
    window_filter,
)
from pipeline.config.errors import GraphError
from pipeline.config.retry_policy import RetryPolicy
from pipeline.config.settings import Settings
from pipeline.config.tenants import Tenant
from tests.support.tenants import APP, small_tenant, standing

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2026, 1, 31, 12)
REACH = Window(NOW - 30 * DAY, NOW)
OVERLAP = 2 * HOUR
QUICK = RetryPolicy(0.01, 0.02, attempts=5, longest_retry_after_s=150)
HASTY = RequestPolicy(QUICK, read_timeout_s=5)
EVENTS = "auditLogs/provisioning"


def day(number: float) -> datetime:
    """An instant so many days before now."""
    return NOW - number * DAY


def whole(since: datetime, until: datetime) -> Covered:
    return Covered(since, until, until)


class Clock:
    """A clock that only moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_throttle_of_five_in_ten_seconds_is_kept_whatever_the_pace() -> None:
    clock = Clock()
    limiter = RateLimiter(5, 10.0, clock)
    sent = []
    for number in range(40):
        clock.now += limiter.delay() + (number % 7) * 0.9
        sent.append(clock.now - (number % 7) * 0.9)
    assert all(sent[place + 5] - sent[place] >= 10.0 - 1e-6 for place in range(35))
    assert sent[4] - sent[0] < 10.0


def test_a_throttle_that_graph_asked_for_holds_everybody_back() -> None:
    clock = Clock()
    limiter = RateLimiter(5, 10.0, clock)
    limiter.pause(30)
    assert limiter.delay() == 30
    assert limiter.delay() == 30
    clock.now += 31
    assert limiter.delay() == 0


def test_all_who_ask_for_one_tenant_share_its_limiter(settings: Settings) -> None:
    one = Tenant(name="a", tenant_id=small_tenant().tenant_id, client_id="x", secret_env="S")
    again, other = one.model_copy(update={"name": "b"}), one.model_copy(update={"client_id": "y"})
    assert limiter_for(one, settings) is limiter_for(again, settings)
    assert limiter_for(one, settings) is not limiter_for(other, settings)


def test_a_window_asks_strictly_and_still_has_its_first_second() -> None:
    told = window_filter(Window(datetime(2026, 1, 5, 12), datetime(2026, 1, 5, 13)))
    assert told == "activityDateTime gt 2026-01-05T11:59:59Z and activityDateTime lt 2026-01-05T13:00:00Z"


def test_what_was_just_read_is_not_settled_and_what_is_long_past_is() -> None:
    assert covered(Window(day(1), NOW), NOW, OVERLAP) == Covered(day(1), NOW - OVERLAP, NOW)
    assert covered(Window(day(9), day(8)), NOW, OVERLAP) == Covered(day(9), day(8), day(8))


def test_a_clock_that_is_ahead_vouches_for_nothing_that_has_not_happened_at_graph() -> None:
    ahead = NOW + 3 * HOUR
    assert covered(Window(day(1), ahead), NOW, OVERLAP) == Covered(day(1), NOW - OVERLAP, NOW)
    assert covered(Window(NOW + HOUR, ahead), NOW, OVERLAP).settled_until == NOW + HOUR
    assert unsettled([covered(Window(NOW + HOUR, ahead), NOW, OVERLAP)], Window(NOW, ahead)) == [Window(NOW, ahead)]


def test_stretches_unite_where_one_begins_in_what_the_other_settled() -> None:
    first, next_turn = Covered(day(2), day(1) - OVERLAP, day(1)), Covered(day(1) - OVERLAP, NOW - OVERLAP, NOW)
    assert merged([next_turn, first]) == [Covered(day(2), NOW - OVERLAP, NOW)]
    late = Covered(day(1) - HOUR, NOW - OVERLAP, NOW)
    assert merged([first, late]) == [first, late]
    assert unsettled([first, late], Window(day(2), NOW - OVERLAP)) == [Window(day(1) - OVERLAP, day(1) - HOUR)]


def test_reading_an_older_window_again_does_not_unsettle_what_is_newer() -> None:
    assert merged([whole(day(9), day(2)), whole(day(5), day(4))]) == [whole(day(9), day(2))]


def test_the_head_begins_where_the_last_turn_settled_and_is_never_much_longer_than_a_day() -> None:
    assert newest_window([], REACH, OVERLAP) == Window(day(1) - OVERLAP, NOW)
    assert newest_window([Covered(day(30), NOW - OVERLAP, NOW)], REACH, OVERLAP) == Window(NOW - OVERLAP, NOW)
    assert newest_window([whole(day(30), day(5))], REACH, OVERLAP) == Window(day(1) - OVERLAP, NOW)


def test_an_overlap_longer_than_a_day_still_moves_on() -> None:
    overlap, read = 3 * DAY, []
    for hours in range(0, 200, 5):
        reach = Window(REACH.since + hours * HOUR, NOW + hours * HOUR)
        window = newest_window(read, reach, overlap)
        assert window is not None
        read = merged([*read, covered(window, reach.until, overlap)])
    assert read[-1].settled_until >= NOW + 195 * HOUR - overlap


def test_gaps_are_what_was_never_read_and_not_the_tail_that_is_asked_again() -> None:
    assert gaps([], REACH, OVERLAP) == [REACH]
    assert gaps([Covered(day(1), NOW - OVERLAP, NOW)], REACH, OVERLAP) == [Window(day(30), day(1))]
    read = [whole(day(40), day(20)), whole(day(10), day(9)), Covered(day(1), NOW - OVERLAP, NOW)]
    assert gaps(read, REACH, OVERLAP) == [Window(day(20), day(10)), Window(day(9), day(1))]
    assert gaps([Covered(day(31), NOW - OVERLAP, NOW)], REACH, OVERLAP) == []


def test_the_oldest_gap_is_filled_first() -> None:
    recent = [whole(day(40), day(20)), whole(day(10), NOW)]
    assert next_gap(gaps(recent, REACH, OVERLAP)) == Window(day(20), day(19))
    falling = [Covered(day(1), NOW - OVERLAP, NOW)]
    assert next_gap(gaps(falling, REACH, OVERLAP), HOUR) == Window(day(30), day(30) + HOUR)
    assert next_gap([]) is None


@pytest.mark.parametrize("longest", [HOUR, 7 * HOUR, DAY])
def test_a_backfill_reads_every_moment_once_and_then_is_done(longest: timedelta) -> None:
    read, asked = [Covered(day(1), NOW - OVERLAP, NOW), whole(day(12.3), day(11.1))], timedelta()
    while window := next_gap(gaps(read, REACH, OVERLAP), longest):
        assert window.span <= longest
        read = merged([*read, covered(window, NOW, OVERLAP)])
        asked += window.span
    assert asked == 29 * DAY - 1.2 * DAY
    assert read == [Covered(day(30), NOW - OVERLAP, NOW)]


def test_halves_meet_and_leave_nothing_out() -> None:
    older, newer = halves(Window(NOW - timedelta(seconds=61), NOW))
    assert (older.since, older.until, newer.until) == (NOW - timedelta(seconds=61), newer.since, NOW)


def test_clocks_agree_when_the_answer_fits_between_asking_and_reading() -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert clock_skew(noon, noon - timedelta(seconds=5), noon + timedelta(seconds=5)) == 0
    assert clock_skew(noon + timedelta(seconds=90), noon, noon) == 90


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"error": "text"}', b'{"error": {"code": {}}}'])
def test_an_error_without_graphs_shape_is_no_second_error(body: bytes) -> None:
    assert error_text(body) == ""


@pytest.fixture
def standing_in(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[StandIn, Callable[..., Graph]]]:
    """A stand-in and what makes clients of it; keywords change the tenant's table."""
    made: list[Graph] = []
    with standing(small_tenant(), settings, tmp_path, monkeypatch) as (stand_in, tenant):

        def client(
            policy: RequestPolicy = HASTY,
            *,
            limiter: RateLimiter | None = None,
            wait: Callable[[float], None] = sleep,
            **changed: object,
        ) -> Graph:
            asked, limiter = tenant.model_copy(update=changed), limiter or RateLimiter(10**6)
            made.append(Graph(asked, settings, policy=policy, limiter=limiter, wait=wait))
            return made[-1]

        yield stand_in, client
        for each in made:
            each.close()


Standing = tuple[StandIn, Callable[..., Graph]]


def test_a_page_has_its_bytes_its_document_and_the_servers_time(standing_in: Standing) -> None:
    stand_in, client = standing_in
    before = stand_in.clock()
    page = client().page(EVENTS)
    assert json.loads(page.body) == page.document
    assert page.next is None
    assert page.answered_at is not None
    assert before - timedelta(seconds=1) <= page.answered_at <= stand_in.clock()
    assert page.skew_s == 0


def test_the_permissions_of_the_token_can_be_read(standing_in: Standing) -> None:
    assert "AuditLog.Read.All" in standing_in[1]().roles()


def test_one_token_serves_many_requests(standing_in: Standing) -> None:
    stand_in, client = standing_in
    graph = client()
    for _ in range(5):
        graph.page(EVENTS)
    assert [each.path.rpartition("/")[2] for each in stand_in.requests].count("token") == 1
    assert graph.requests == 5


@pytest.mark.parametrize("fault", ["throttled_silently", "failing", "dropped", "malformed", "truncated"])
def test_what_may_pass_is_tried_again(standing_in: Standing, fault: str) -> None:
    stand_in, client = standing_in
    setattr(stand_in.faults, fault, Trigger(every=1, times=1))
    graph = client()
    assert graph.page(EVENTS).document["value"] == []
    assert graph.requests == 2


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("throttled_silently", Throttled, "too many requests"),
        ("dropped", Unreachable, "broke off"),
        ("malformed", MalformedAnswer, "no JSON"),
        ("truncated", MalformedAnswer, "no JSON"),
    ],
)
def test_what_does_not_pass_is_said_after_a_bounded_number_of_tries(
    standing_in: Standing, fault: str, error: type[GraphError], words: str
) -> None:
    stand_in, client = standing_in
    setattr(stand_in.faults, fault, Trigger(every=1))
    graph = client()
    with pytest.raises(error, match=words):
        graph.page(EVENTS)
    assert graph.requests == QUICK.attempts


def test_a_throttle_that_says_when_is_waited_for_and_one_of_an_hour_is_not(standing_in: Standing) -> None:
    stand_in, client = standing_in
    stand_in.faults.throttled = Trigger(every=1, times=1)
    limiter, waited = RateLimiter(10**6, time=lambda: 0.0), list[float]()
    assert client(limiter=limiter, wait=waited.append).page(EVENTS).document["value"] == []
    assert waited == [0.0, 1.0]
    stand_in.faults.throttled, stand_in.faults.retry_after_s = Trigger(every=1), 3600
    graph = client()
    with pytest.raises(Throttled) as raised:
        graph.page(EVENTS)
    assert (raised.value.retry_after, graph.requests) == (3600, 1)


def test_an_answer_that_takes_too_long_is_given_up(standing_in: Standing) -> None:
    stand_in, client = standing_in
    stand_in.faults.slow, stand_in.faults.slow_s = Trigger(every=1), 1.0
    graph = client(RequestPolicy(QUICK, read_timeout_s=0.2))
    with pytest.raises(TimedOut, match="did not answer within"):
        graph.page(EVENTS)
    assert graph.requests == 2


def test_an_expired_token_is_renewed_once_and_a_refused_one_is_said(standing_in: Standing) -> None:
    stand_in, client = standing_in
    stand_in.faults.token_requests = 1
    graph = client()
    for _ in range(3):
        graph.page(EVENTS)
    stand_in.faults.token_requests = 0
    with pytest.raises(SignInRefused, match="does not take the token"):
        graph.page(EVENTS)


def test_a_missing_permission_names_what_was_asked(standing_in: Standing) -> None:
    stand_in, client = standing_in
    stand_in.faults.missing = {"Synchronization.Read.All"}
    with pytest.raises(Forbidden, match="lacks a permission") as raised:
        client().page(f"servicePrincipals/{APP}/synchronization/jobs")
    assert raised.value.path.endswith("/synchronization/jobs")
    with pytest.raises(ResourceMissing):
        stand_in.faults.clear()
        client().page("servicePrincipals/nobody/synchronization/jobs")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"client_id": "dddddddd-0000-4000-8000-000000000001"}, "AADSTS700016.*check client_id"),
        ({"tenant_id": "dddddddd-0000-4000-8000-000000000001"}, "AADSTS90002.*check tenant_id"),
        ({"secret_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE is empty"),
    ],
)
def test_a_refused_sign_in_says_what_to_do(standing_in: Standing, changed: dict[str, str], words: str) -> None:
    with pytest.raises(SignInRefused, match=words):
        standing_in[1](**changed).page(EVENTS)
    assert not any(each.path.startswith("/v1.0") for each in standing_in[0].requests)


def test_a_revoked_and_an_expired_secret_have_different_sentences(standing_in: Standing) -> None:
    stand_in, client = standing_in
    mine = client().tenant.client_id
    stand_in.faults.revoked = {mine}
    with pytest.raises(SignInRefused, match=r"AADSTS7000215.*STANDIN_SECRET_CONTOSO"):
        client().page(EVENTS)
    stand_in.faults.revoked, stand_in.faults.expired = set(), {mine}
    with pytest.raises(SignInRefused, match=r"AADSTS7000222.*has expired"):
        client().page(EVENTS)


def test_a_link_that_leads_elsewhere_is_not_followed(standing_in: Standing) -> None:
    graph = standing_in[1]()
    for elsewhere in ("https://example.com/v1.0/x", "http://" + graph.tenant.graph.removeprefix("https://")):
        with pytest.raises(UnexpectedLink, match="the token would go with it"):
            graph.page(elsewhere)
    assert graph.requests == 0


def test_a_certificate_that_nobody_vouches_for_is_said_at_once(standing_in: Standing) -> None:
    with pytest.raises(CertificateUntrusted, match="give the proxy's in `ca`"):
        standing_in[1](ca=None).page(EVENTS)


def test_a_ca_that_is_no_certificate_is_said(standing_in: Standing, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(GraphError, match="give a file of PEM certificates"):
        standing_in[1](ca=tmp_path / "empty.pem")


def test_a_name_that_does_not_resolve_is_said(standing_in: Standing) -> None:
    graph = standing_in[1](graph="https://graph.invalid")
    with pytest.raises(Unreachable, match=r"graph\.invalid.* name could not be resolved"):
        graph.page(EVENTS)
    with pytest.raises(Unreachable, match="name could not be resolved"):
        standing_in[1](authority="https://login.invalid").page(EVENTS)


def test_nobody_listening_is_said(standing_in: Standing) -> None:
    stand_in, client = standing_in
    graph = client()
    graph.page(EVENTS)
    stand_in.stop()
    with pytest.raises(Unreachable, match="connection was refused"):
        graph.page(EVENTS)
    with pytest.raises(Unreachable, match="connection was refused"):
        client().page(EVENTS)


def test_neither_secret_nor_token_is_logged_even_when_everything_is(
    standing_in: Standing, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in, client = standing_in
    caplog.set_level(logging.DEBUG)
    graph = client()
    graph.page(EVENTS)
    stand_in.faults.expired = {graph.tenant.client_id}
    with pytest.raises(SignInRefused):
        client().page(EVENTS)
    assert small_tenant().secret not in caplog.text
    assert "eyJ" not in caplog.text
