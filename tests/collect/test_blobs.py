"""A container of diagnostic logs, served by azurite: read by byte, once, and in sentences when Azure refuses."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Event, Thread
from typing import Any

import pytest

from pipeline.collect.blobs import ContainerReport, read_container
from pipeline.config.retry_policy import RetryPolicy
from pipeline.store.lake import Store
from tests.support.azurite import SECRET, Logs, connection_string, emulated, needs_azurite, path
from tests.support.lakes import script
from tests.support.shapes import TENANT, diagnostic, event, lines

pytestmark = needs_azurite
NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
QUICK = RetryPolicy(0.01, 0.02, attempts=4)
numbers = count()


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    with emulated() as account:
        yield account


@pytest.fixture
def absent(account: str, monkeypatch: pytest.MonkeyPatch) -> Logs:
    """A container that Azure has not made yet."""
    monkeypatch.setenv(SECRET, connection_string(account))
    return Logs(account, f"logs-{next(numbers)}")


@pytest.fixture
def logs(absent: Logs) -> Logs:
    return absent.make()


def records(first: int, amount: int, who: str = "ada") -> bytes:
    """Records as Azure writes them: one a line, CRLF."""
    return lines([diagnostic(event(who, number)) for number in range(first, first + amount)], "\r\n")


def read(store: Store, logs: Logs, at: datetime = NOW, **more: object) -> ContainerReport:
    report = read_container(store, logs.tenant(**more), at, policy=QUICK)
    assert report.lines == report.kept + report.duplicates + report.rejects
    return report


def ledger(store: Store) -> Sequence[tuple[Any, ...]]:
    return store.rows('select "file", read_to, lines, kept, duplicates, rejects from files order by "file"')


def contact(store: Store) -> tuple[Any, ...]:
    [row] = store.rows("select outcome, detail, failures, reached_at, next_try_at from contacts")
    return row


def events(store: Store) -> int:
    return int(store.rows("select count(distinct event_id) from events")[0][0])


def test_blobs_of_both_prefixes_are_read_and_known_by_their_url(store: Store, logs: Logs) -> None:
    first, second = records(0, 3), records(100, 2)
    one = logs.append(path(12), first)
    documented = f"resourceId=/TENANTS/{TENANT.upper()}/PROVIDERS/MICROSOFT.AADIAM/y=2026/m=01/d=05/h=13/m=00/PT1H.json"
    other = logs.append(documented, second)
    report = read(store, logs)
    assert (report.outcome, report.blobs, report.read, report.kept) == ("ok", 2, 2, 5)
    assert ledger(store) == sorted([(one, len(first), 3, 3, 0, 0), (other, len(second), 2, 2, 0, 0)])
    assert store.rows("select distinct source, tenant_id from events") == [("diagnostic", TENANT)]


def test_what_was_read_is_not_asked_again_and_late_growth_of_an_old_hour_is_read(store: Store, logs: Logs) -> None:
    logs.append(path(9), records(0, 3))
    logs.append(path(12), records(100, 3))
    first = read(store, logs)
    idle = read(store, logs)
    assert (first.requests, idle.requests, idle.read, idle.lines) == (4, 2, 0, 0)
    logs.append(path(9), records(3, 2))
    again = read(store, logs)
    assert (again.requests, again.read, again.lines, again.kept, again.duplicates) == (3, 1, 2, 2, 0)
    assert [row[2:] for row in ledger(store)] == [(5, 5, 0, 0), (3, 3, 0, 0)]


def test_a_half_written_last_line_waits_for_its_rest(store: Store, logs: Logs) -> None:
    whole = records(0, 2)
    half = len(whole) - 300
    logs.append(path(), whole[:half])
    assert read(store, logs).kept == 1
    assert (read(store, logs).requests, ledger(store)[0][5]) == (2, 0)
    logs.append(path(), whole[half:])
    assert read(store, logs).kept == 1
    assert ledger(store)[0][1:] == (len(whole), 2, 2, 0, 0)


def test_a_blob_that_begins_with_half_a_line_is_no_reject(store: Store, logs: Logs) -> None:
    whole = records(0, 1)
    logs.append(path(), whole[:200])
    assert (read(store, logs).lines, read(store, logs).requests) == (0, 2)
    logs.append(path(), whole[200:])
    assert (read(store, logs).kept, ledger(store)[0][1:]) == (1, (len(whole), 1, 1, 0, 0))


def test_records_delivered_twice_are_counted_not_doubled(store: Store, logs: Logs) -> None:
    logs.append(path(12), records(0, 4) + records(2, 2))
    logs.append(path(13), records(0, 4))
    report = read(store, logs)
    assert (report.kept, report.duplicates, events(store)) == (4, 6, 4)


@pytest.mark.parametrize("amount", [1, 6], ids=["shorter", "longer"])
def test_a_blob_that_was_written_anew_is_read_from_its_beginning(store: Store, logs: Logs, amount: int) -> None:
    logs.append(path(), records(0, 3))
    read(store, logs)
    logs.client.delete_blob(path())
    logs.append(path(), records(1, amount))
    report = read(store, logs)
    assert (report.lines, report.duplicates, events(store)) == (amount, min(2, amount), 3 + max(0, amount - 2))
    assert ledger(store)[0][1] == len(records(1, amount))


def test_a_blob_of_the_same_length_but_other_content_is_noticed(store: Store, logs: Logs) -> None:
    logs.append(path(), records(10, 3))
    read(store, logs)
    logs.client.delete_blob(path())
    logs.append(path(), records(13, 3))
    assert (read(store, logs).kept, events(store)) == (3, 6)


def test_a_blob_that_is_not_appended_to_is_read_as_a_whole(store: Store, logs: Logs) -> None:
    document = b'{\n "records": [\n' + b",\n".join(records(0, 3).strip().split(b"\r\n")) + b"\n]}"
    logs.client.upload_blob(path(), document)
    assert read(store, logs).kept == 3
    assert read(store, logs).requests == 2


def test_a_large_blob_is_read_in_bounded_stretches(store: Store, logs: Logs) -> None:
    data = records(0, 20)
    logs.append(path(), data)
    store.settings.slice_bytes = 8192
    revision = store.revision()
    report = read(store, logs)
    assert (report.kept, report.duplicates, ledger(store)[0][1]) == (20, 0, len(data))
    assert store.revision() - revision >= len(data) // 16384
    assert read(store, logs).requests == 2


def test_broken_lines_are_rejects_with_their_place_in_the_blob(store: Store, logs: Logs) -> None:
    logs.append(path(), records(0, 2) + b'{"broken\r\n')
    logs.append(path(13), b'{"all is\r\n{"broken\r\n')
    assert (read(store, logs).kept, read(store, logs).lines) == (2, 0)
    logs.append(path(), b"no JSON at all\r\n" + records(2, 1))
    assert read(store, logs).rejects == 1
    found = store.rows("select line, split_part(reason, '/', -1) from rejects order by \"file\", line")
    assert [line for line, _ in found] == [3, 4, 1, 2]
    assert found[0][1].startswith("PT1H.json:3: is not JSON")


def test_logs_of_another_tenant_and_other_files_are_left_alone(store: Store, logs: Logs) -> None:
    logs.append(path(tenant="22222222-2222-4222-8222-222222222222"), records(0, 3))
    logs.append("resourceId=/tenants/22222222-2222-4222-8222-222222222222/y=2026/m=01/d=05/h=1/m=00/PT1H.json", b"x\n")
    logs.append("notes.json", b"{}\r\n")
    assert (read(store, logs).blobs, ledger(store)) == (0, [])
    assert "no blob of this tenant yet" in contact(store)[1]


def test_a_missing_container_means_no_data_yet(store: Store, absent: Logs) -> None:
    report = read(store, absent)
    outcome, detail, failures, reached, _ = contact(store)
    assert (report.outcome, outcome, failures, reached) == ("ok", "ok", 0, NOW.replace(tzinfo=None))
    assert detail == (
        f"No data yet: there is no container {absent.url.rpartition('/')[2]}. Azure makes it with the first record, up "
        "to 24 hours after the diagnostic setting was made. Azure Monitor's name for it is "
        "insights-logs-provisioninglogs."
    )
    assert store.rows("select count(*) from coverage") == [(0,)]


def test_listing_without_reading_says_which_role_is_missing(
    store: Store, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.append(path(), records(0, 1))
    sas = logs.sas("l")
    monkeypatch.setenv(SECRET, sas)
    report = read(store, logs)
    assert report.outcome == "failed"
    assert report.detail.endswith(
        f"was refused (AuthorizationPermissionMismatch): the SAS in {SECRET} may not do this; "
        f"the SAS in {SECRET} must allow to read and to list (sp=rl)."
    )
    assert (ledger(store), store.rows("select count(*) from coverage")) == ([], [(0,)])
    assert sas.rpartition("sig=")[2] not in report.detail


def test_a_sas_is_enough_and_one_that_has_expired_is_said(
    store: Store, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.append(path(), records(0, 2))
    monkeypatch.setenv(SECRET, f"?{logs.sas()}")
    assert read(store, logs).kept == 2
    monkeypatch.setenv(SECRET, logs.sas(hours=-1))
    logs.append(path(), records(2, 2))
    assert "make a new one and put it into CONTAINER_SECRET" in read(store, logs).detail
    monkeypatch.setenv(SECRET, logs.sas())
    assert read(store, logs).kept == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"container": "https://example.com/"}, "its URL was expected, such as https://ACCOUNT.blob"),
        ({"container": "https://example.com/logs?sv=1&sig=hush"}, "give its URL alone"),
        ({"container_secret_env": "NOT_SET"}, "NOT_SET is empty"),
        ({"container_secret_env": "HOME"}, "neither a storage account's connection string nor a SAS"),
        ({"container": "http://127.0.0.1:9/account/logs"}, "the connection was refused"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(store: Store, logs: Logs, wrong: dict[str, str], said: str) -> None:
    report = read(store, logs, **wrong)
    assert report.outcome == "failed"
    assert said in report.detail
    assert "hush" not in report.detail
    assert contact(store)[:3] == ("failed", report.detail, 1)


def test_failures_back_off_and_the_first_answer_ends_them(
    store: Store, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = os.environ[SECRET]
    waits = []
    for _ in range(8):
        monkeypatch.setenv(SECRET, "wrong")
        read(store, logs)
        waits.append((contact(store)[4] - NOW.replace(tzinfo=None)).total_seconds())
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    monkeypatch.setenv(SECRET, kept)
    read(store, logs, NOW + timedelta(hours=1))
    assert contact(store)[2:] == (0, datetime(2026, 1, 5, 15, 30), None)


@pytest.mark.parametrize(("after", "requests"), [("0", 4), ("5", 1)], ids=["soon", "later than is waited for"])
def test_a_busy_account_is_tried_again_unless_it_asks_for_a_longer_pause(
    store: Store, logs: Logs, after: str, requests: int
) -> None:
    with busy_account(after) as (url, answered):
        report = read_container(store, logs.tenant(container=url), NOW, policy=replace(QUICK, longest_retry_after_s=1))
    assert (report.outcome, "Azure answered 503" in report.detail, len(answered)) == ("failed", True, requests)


@contextmanager
def busy_account(after: str) -> Iterator[tuple[str, list[str]]]:
    """Serves an account that answers 503 with a Retry-After; gives its container's URL and the paths asked for."""
    answered: list[str] = []

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answered.append(self.path)
            self.send_response(503)
            self.send_header("Retry-After", after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keeps the test's output quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/account/logs", answered
        finally:
            server.shutdown()


def test_the_listing_vouches_from_the_oldest_hour_until_now(store: Store, logs: Logs) -> None:
    stretch = "select source, tenant_id, job_id, since, settled_until, until from coverage"
    logs.append(path(11), records(0, 1))
    read(store, logs)
    oldest, settled = datetime(2026, 1, 5, 11), datetime(2026, 1, 5, 13)
    told = ("diagnostic", TENANT, None)
    assert store.rows(stretch) == [(*told, oldest, settled, NOW.replace(tzinfo=None))]
    logs.client.delete_blob(path(11))
    logs.append(path(13), records(1, 1))
    later = NOW + timedelta(hours=2)
    read(store, logs, later)
    assert store.rows(stretch) == [(*told, oldest, datetime(2026, 1, 5, 15), later.replace(tzinfo=None))]


def test_hours_whose_blobs_were_deleted_before_they_were_listed_are_not_vouched_for(store: Store, logs: Logs) -> None:
    logs.append(path(11), records(0, 1))
    read(store, logs)
    logs.client.delete_blob(path(11))
    logs.append(path(3, day=7), records(1, 1))
    read(store, logs, datetime(2026, 1, 7, 4, 10, tzinfo=UTC))
    assert store.rows("select since, until from coverage order by since") == [
        (datetime(2026, 1, 5, 11), datetime(2026, 1, 5, 14, 30)),
        (datetime(2026, 1, 7, 3), datetime(2026, 1, 7, 4, 10)),
    ]


def test_told_to_stop_it_ends_between_transactions_and_vouches_for_nothing(store: Store, logs: Logs) -> None:
    logs.append(path(), records(0, 1))
    stop = Event()
    stop.set()
    assert read_container(store, logs.tenant(), NOW, stop).outcome == "stopped"
    assert store.rows("select (select count(*) from coverage), (select count(*) from contacts)") == [(0, 0)]
    assert read(store, logs).kept == 1


KILLED = """
    import os, signal, sys
    from datetime import UTC, datetime
    from pipeline.collect.blobs import feed, read_container
    from pipeline.config.settings import read_settings
    from pipeline.store.lake import open_store
    from pipeline.config.tenants import Tenant
    url, number = sys.argv[1], int(sys.argv[2])
    landed = 0
    def land(store, stretches, report, real=feed.land_and_count):
        global landed
        landed += 1
        if landed > number:
            os.kill(os.getpid(), signal.SIGKILL)
        real(store, stretches, report)
    feed.TOGETHER, feed.land_and_count = 1, land
    tenant = Tenant(name="contoso", tenant_id="11111111-1111-4111-8111-111111111111", events=False, jobs=False,
        container=url, container_secret_env="CONTAINER_SECRET")
    read_container(open_store(read_settings()), tenant, datetime(2026, 1, 5, 14, 30, tzinfo=UTC))
"""


@pytest.mark.deep
def test_killed_between_blobs_it_loses_nothing_and_doubles_nothing(store: Store, logs: Logs) -> None:
    for hour in range(6):
        logs.append(path(hour), records(hour * 3, 3))
    for number in (0, 2, 1):
        process = script(KILLED, logs.url, str(number))
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    assert len(ledger(store)) == 3
    assert read(store, logs).kept == 9
    assert store.rows("select count(*), count(distinct event_id) from events") == [(18, 18)]
    assert {row[2:] for row in ledger(store)} == {(3, 3, 0, 0)}
