"""Delivery over real sockets: once to each address, again when it fails, and at most one repeat for each crash."""

import os
import re
import signal
import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.notify.deliver import deliver, deliver_due, explained, try_out
from pipeline.notify.enqueue import enqueue
from pipeline.notify.messages import Message, trial
from pipeline.notify.outbox import SENT, WAITING, waiting
from pipeline.notify.routes import Destination, Routes
from pipeline.rules.evaluate import check
from pipeline.rules.rule import find_rule
from pipeline.store.lake import Store, open_store
from tests.support.given import Given, moment
from tests.support.lakes import command, ended, script
from tests.support.posts import nothing, post_office, routes_in, webhook

NOON = moment(1, 12)


def trouble(given: Given, routes: Routes, *apps: str, **said: Any) -> Store:
    """Has a check find some apps in quarantine, and write down whom to tell."""
    for app in apps:
        given.quarantined(app, day=1, hour=9, since=moment(1, 2))
    store = given.stored()
    along = partial(enqueue, routes=routes, settings=store.settings)
    check(store, moment(1, 9, 5), overrides={"quarantined": said}, chosen=[find_rule("quarantined")], along=along)
    return store


def states(store: Store) -> list[tuple[str, int]]:
    return [(str(state), int(attempts)) for state, attempts in store.rows("select state, attempts from outbox")]


def test_a_letter_arrives_once_in_plain_text_with_subject_link_and_an_id_of_its_own(
    given: Given, settings: Settings, tmp_path: Path
) -> None:
    with post_office() as (box, port):
        settings.dashboard_url = "http://localhost:8501/"
        routes = routes_in(settings, tmp_path, port=port)
        store = trouble(given, routes, "Cerby")
        [sent] = deliver_due(store, NOON, routes)
        assert deliver_due(store, NOON, routes) == []
    [letter] = box.letters
    assert (
        letter["Subject"] == "Critical: Cerby is in quarantine: sign-in to the app failed, or its answers are not SCIM"
    )
    assert (letter["To"], letter["From"]) == ("it@example.com", "Provisioning <observatory@example.com>")
    assert letter["Message-ID"] == f"<{sent.message_id}@example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content_type() == "text/plain"
    lines = str(letter.get_content()).splitlines()
    assert "Since     20 Jan 2026, 02:00 UTC, detected 7 h 5 min later" in lines
    [link] = [line.strip() for line in lines if "http://localhost:8501/issues?incident=" in line]
    assert link.endswith("&since=2026-01-19T02:00&until=2026-01-20T10:00&job=Cerby")
    assert f"Message {sent.message_id}" in lines
    assert states(store) == [(SENT, 1)]


def test_beginning_and_end_are_two_letters_of_one_thread(given: Given, settings: Settings, tmp_path: Path) -> None:
    with post_office() as (box, port):
        routes = routes_in(settings, tmp_path, port=port)
        store = trouble(given, routes, "Cerby")
        deliver_due(store, NOON, routes)
        given.observed("Cerby", "Active", day=1, hour=12)
        along = partial(enqueue, routes=routes, settings=store.settings)
        check(given.stored(), moment(1, 12, 5), overrides={}, chosen=[find_rule("quarantined")], along=along)
        deliver_due(store, moment(1, 12, 6), routes)
    assert box.subjects == [
        "Critical: Cerby is in quarantine: sign-in to the app failed, or its answers are not SCIM",
        "Resolved: Cerby is in quarantine: sign-in to the app failed, or its answers are not SCIM (lasted 10 h 5 min)",
    ]
    assert len({str(one["References"]) for one in box.letters}) == 1
    assert len(set(box.ids)) == 2


def test_a_webhook_gets_what_a_machine_sorts_by(given: Given, settings: Settings, tmp_path: Path) -> None:
    with webhook() as hook:
        routes = routes_in(settings, tmp_path, f'[route.hook]\nto = "json://127.0.0.1:{hook.port}/in"')
        [sent] = deliver_due(trouble(given, routes, "Cerby"), NOON, routes)
    assert sent.error is None
    [got] = hook.got
    assert {key: got[key] for key in ("change", "severity", "app", "type", "message_id")} == {
        "change": "opened",
        "severity": "critical",
        "app": "Cerby",
        "type": "failure",
        "message_id": sent.message_id,
    }
    assert got["title"] == "Critical: Cerby is in quarantine: sign-in to the app failed, or its answers are not SCIM"
    assert "\n\nWhat to do\n" in got["message"]
    assert hook.headers[0]["X-Provisioning-Message-Id"] == sent.message_id


def test_a_refusal_is_a_sentence_and_is_tried_again_later(given: Given, settings: Settings, tmp_path: Path) -> None:
    with webhook() as hook:
        hook.status = 503
        routes = routes_in(settings, tmp_path, f'[route.hook]\nto = "json://127.0.0.1:{hook.port}/in"')
        store = trouble(given, routes, "Cerby")
        [sent] = deliver_due(store, NOON, routes)
        assert sent.error is not None and "did not take it" in sent.error and "503" in sent.error
        [row] = waiting(store)
        assert (row.state, row.attempts, row.due_at - NOON < timedelta(seconds=90)) == (WAITING, 1, True)
        hook.status = 200
        assert deliver_due(store, NOON, routes) == []
        assert [one.error for one in deliver_due(store, NOON + timedelta(minutes=2), routes)] == [None]
    assert states(store) == [(SENT, 2)]
    assert len({got["message_id"] for got in hook.got}) == 1


def test_a_greylisting_server_gets_the_letter_again_after_its_while(
    given: Given, settings: Settings, tmp_path: Path
) -> None:
    with post_office() as (box, port):
        box.refusals = ["450 4.2.0 Greylisted, come back in a minute"]
        routes = routes_in(settings, tmp_path, port=port)
        store = trouble(given, routes, "Cerby")
        [sent] = deliver_due(store, NOON, routes)
        assert sent.error == f"127.0.0.1:{port} does not take it: 450 4.2.0 Greylisted, come back in a minute."
        assert [one.error for one in deliver_due(store, NOON + timedelta(minutes=2), routes)] == [None]
    assert len(box.letters) == 1


def test_one_address_that_fails_keeps_no_other_waiting_nor_has_it_told_twice(
    given: Given, settings: Settings, tmp_path: Path
) -> None:
    with post_office() as (box, port), webhook() as hook:
        hook.status = 500
        text = f'[route.both]\nemail = "it@example.com"\nto = "json://127.0.0.1:{hook.port}/in"'
        routes = routes_in(settings, tmp_path, text, port=port)
        store = trouble(given, routes, "Cerby")
        deliver_due(store, NOON, routes)
        deliver_due(store, NOON + timedelta(minutes=2), routes)
    assert (len(box.letters), len(hook.got)) == (1, 2)


def test_a_server_that_never_answers_is_given_up_after_its_time(settings: Settings, tmp_path: Path) -> None:
    with create_server(("127.0.0.1", 0)) as deaf:
        routes = routes_in(settings, tmp_path, port=deaf.getsockname()[1])
        assert routes.smtp is not None
        patient = replace(routes, smtp=routes.smtp.model_copy(update={"timeout": 1}))
        [sent] = try_out(patient, patient.routes, NOON)
    assert sent.error is not None and sent.error.endswith("timed out.")


def test_nobody_there_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    with create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    routes = routes_in(
        settings, tmp_path, f'email="it@example.com"\n[route.a]\nto="json://127.0.0.1:{port}"', port=port
    )
    hooked, mailed = try_out(routes, routes.routes, NOON)
    assert mailed.error == f"127.0.0.1:{port} cannot be reached: [Errno 111] Connection refused."
    assert hooked.error is not None and "Connection refused" in hooked.error


def test_no_secret_of_an_address_is_told_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", "s3cret/of-ours")
    with create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    target = f"json://ada:${{HOOK_KEY}}@127.0.0.1:{port}/in/abcdefghijk?key=T0ken-123"
    where = Destination("x", target)
    error = deliver(Routes(), where, a_trial())
    assert error is not None
    assert not [word for word in ("s3cret", "abcdefghijk", "T0ken-123") if word in error]
    assert "slack" in explained("slack did not take it", ["no T0KENABCDEF here"], "slack://T0KENABCDEF/x/y")
    assert "T0KENABCDEF" not in explained("slack did not take it", ["no T0KENABCDEF here"], "slack://T0KENABCDEF/x/y")


def a_trial() -> Message:
    return trial("0" * 32, "a", NOON, "http://localhost:8501")


def test_what_apprise_does_not_know_and_a_variable_that_is_empty_are_said() -> None:
    assert deliver(Routes(), Destination("x", "nosuch://host/in"), a_trial()) is not None
    missing = deliver(Routes(), Destination("x", "json://${NOT_SET_AT_ALL}@127.0.0.1"), a_trial())
    assert missing == "The environment variable NOT_SET_AT_ALL is empty; the route's address needs it."


def test_a_storm_is_one_message_that_lists_it_worst_first(given: Given, settings: Settings, tmp_path: Path) -> None:
    with post_office() as (box, port):
        routes = routes_in(settings, tmp_path, '[route.a]\nemail = "it@example.com"\ngroup_above = 2', port=port)
        store = trouble(given, routes, "Cerby", "Zoom", "Slack")
        [sent] = deliver_due(store, NOON, routes)
    assert sent.changes == 3
    assert box.subjects == ["3 changes: 3 open (Cerby, Slack, Zoom)"]
    text = str(box.letters[0].get_content())
    assert all(f"Critical: {app} is in quarantine" in text for app in ("Cerby", "Zoom", "Slack"))
    assert states(store) == [(SENT, 1)] * 3


def test_a_storm_that_fails_is_tried_again_as_the_same_message(
    given: Given, settings: Settings, tmp_path: Path
) -> None:
    with webhook() as hook:
        hook.status = 500
        text = f'[route.a]\nto = "json://127.0.0.1:{hook.port}/in"\ngroup_above = 1'
        routes = routes_in(settings, tmp_path, text)
        store = trouble(given, routes, "Cerby", "Zoom")
        deliver_due(store, NOON, routes)
        hook.status = 200
        deliver_due(store, NOON + timedelta(minutes=2), routes)
    assert [got["change"] for got in hook.got] == ["group", "group"]
    assert len({got["message_id"] for got in hook.got}) == 1


def test_in_quiet_hours_only_what_may_disturb_goes_out(given: Given, settings: Settings, tmp_path: Path) -> None:
    quiet = 'quiet_hours = {from="08:00", until="18:00", except=["critical"]}'
    with post_office() as (box, port):
        routes = routes_in(settings, tmp_path, f'[route.a]\nemail = "it@example.com"\n{quiet}', port=port)
        store = trouble(given, routes, "Cerby", "Zoom", app={"Cerby": {"severity": "warning"}})
        deliver_due(store, NOON, routes)
        assert [one[:14] for one in box.subjects] == ["Critical: Zoom"]
        deliver_due(store, moment(1, 18), routes)
        assert [one[:14] for one in box.subjects] == ["Critical: Zoom", "Warning: Cerby"]


def test_a_message_whose_retry_falls_into_quiet_hours_waits(given: Given, settings: Settings, tmp_path: Path) -> None:
    with post_office() as (box, port):
        quiet = 'quiet_hours = {from="13:00", until="18:00"}'
        routes = routes_in(settings, tmp_path, f'[route.a]\nemail = "it@example.com"\n{quiet}', port=port)
        box.refusals = ["451 Later"]
        store = trouble(given, routes, "Cerby")
        deliver_due(store, moment(1, 12, 59, 30), routes)
        assert deliver_due(store, moment(1, 13, 30), routes) == []
        assert len(deliver_due(store, moment(1, 18), routes)) == 1
    assert len(box.letters) == 1


def test_a_route_that_is_no_more_is_said_and_one_that_comes_back_delivers(
    given: Given, settings: Settings, tmp_path: Path
) -> None:
    with post_office() as (box, port):
        routes = routes_in(settings, tmp_path, port=port)
        store = trouble(given, routes, "Cerby")
        [sent] = deliver_due(store, NOON, replace(routes, routes=()))
        assert sent.error is not None and "no route 'default' to it@example.com" in sent.error
        deliver_due(store, NOON + timedelta(minutes=2), routes)
    assert len(box.letters) == 1


def test_two_that_deliver_at_once_send_once(given: Given, settings: Settings, tmp_path: Path) -> None:
    with post_office() as (box, port):
        routes = routes_in(settings, tmp_path, port=port)
        store = trouble(given, routes, "Cerby", "Zoom", "Slack", "Jira")
        other = open_store(settings)
        told: list[int] = []
        threads = [
            Thread(target=lambda one=one: told.append(len(deliver_due(one, NOON, routes, wait_s=30))))
            for one in (store, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        other.close()
    assert sorted(told) == [0, 4]
    assert len(box.letters) == len(set(box.ids)) == 4


SENDER = """
from datetime import datetime
from pipeline.notify.deliver import deliver_due
from pipeline.notify.routes import read_routes
from pipeline.config.settings import read_settings
from pipeline.store.lake import open_store

settings = read_settings(_env_file=None)
deliver_due(open_store(settings), datetime(2026, 1, 20, 12), read_routes(settings))
"""


def test_a_sender_killed_between_sending_and_recording_repeats_that_message_once_and_loses_none(
    given: Given, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = int(os.environ.get("KILLS", "4"))
    monkeypatch.setenv("PROVISIONING_NOTIFY", str(tmp_path / "notify.toml"))
    with post_office() as (box, port):
        routes = routes_in(
            settings, tmp_path, f'[route.a]\nemail = "it@example.com"\ngroup_above = {kills + 95}', port=port
        )
        store = trouble(given, routes, *(f"App {number}" for number in range(kills + 2)))
        for number in range(kills):
            sender, before = script(SENDER), len(box.letters)

            def strike(sender: subprocess.Popen[str] = sender, before: int = before) -> None:
                # At its second letter: the first has been recorded by then.
                if len(box.letters) > before + 1:
                    os.kill(sender.pid, signal.SIGKILL)

            # Half of them die before they hear that the server took it, half of them after.
            box.taken, box.leaving = (strike, nothing) if number % 2 else (nothing, strike)
            assert ended(sender)[0] == -signal.SIGKILL
        box.taken = box.leaving = nothing
        assert ended(script(SENDER))[0] == 0
    assert {state for state, _ in states(store)} == {SENT}
    assert len(set(box.ids)) == kills + 2
    assert len(box.ids) == kills + 2 + kills
    marked = [one for one in box.letters if "You may have this message already" in str(one.get_content())]
    assert len(marked) == kills
    assert store.rows("select sum(repeats) from outbox") == [(kills,)]


def test_the_command_shows_tries_and_sends(
    given: Given, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_NOTIFY", str(tmp_path / "notify.toml"))
    with post_office() as (box, port):
        routes = routes_in(settings, tmp_path, port=port)
        trouble(given, routes, "Cerby")
        code, said, _ = ended(command("notify", "--dry-run"))
        assert (code, len(box.letters)) == (0, 0)
        assert re.search(r"To it@example.com \(route default\): would be sent at \S+[0-9]Z\n", said)
        assert "  | Critical: Cerby is in quarantine" in said
        code, said, _ = ended(command("notify", "default", "--test"))
        assert (code, box.subjects) == (0, ["Test of the route default"])
        assert "taken by the server" in said
        code, said, _ = ended(command("notify", "--json"))
        assert code == 0 and '"arrived": true' in said
        code, said, _ = ended(command("notify"))
        assert (code, said) == (0, "Nothing waits.\n")
        code, said, _ = ended(command("notify", "--dry-run"))
        assert "would be sent if the incident began now, at" in said
        code, _, err = ended(command("notify", "nowhere", "--test"))
        assert (code, err) == (2, "There is no route 'nowhere'; there are default.\n")
    code, said, _ = ended(command("notify", "--test"))
    assert code == 1
    assert "not sent: 127.0.0.1" in said
