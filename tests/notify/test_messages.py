"""What a message says: enough to act on, leavers first, and a link that opens the page on its window."""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse

import pandas as pd
import pytest

from pipeline.notify.messages import (
    CLOSED,
    ESCALATED,
    OPENED,
    PASSED,
    REPEATED,
    Message,
    MessageContext,
    body_of,
    grouped,
    job_words,
    link_of,
    title_of,
)
from pipeline.rules.evaluate import check
from pipeline.rules.incidents import Incident
from pipeline.rules.rule import find_rule, rules
from tests.support.given import Given, job_id, moment
from views.frame import filters
from views.frame.state import BAR_WORDS, Word

AT = moment(1, 9, 5)
SHARED = MessageContext(AT, "https://provisioning.example.com", {job_id("Cerby"): "Cerby"})


def incident(summary: str = "Cerby: 3 leavers wait", rule: str = "escrow_growth", **evidence: Any) -> Incident:
    return Incident(
        incident_id="abc",
        rule=rule,
        severity="critical",
        subject=job_id("Cerby"),
        app_name="Cerby",
        opened_at=moment(1, 2),
        noticed_at=AT,
        closed_at=None,
        summary=summary,
        evidence=json.dumps(evidence, default=str),
        job_id=job_id("Cerby"),
    )


def test_a_found_incident_says_what_since_when_who_why_and_what_to_do(given: Given) -> None:
    for number in range(3):
        given.failed(f"ada{number}", day=1, hour=1)
    given.failed("eve", day=1, hour=2, action="disable")
    [found] = check(
        given.stored(), moment(1, 3), overrides={"escrow_growth": {}}, chosen=[find_rule("escrow_growth")]
    ).opened
    said = body_of(found, OPENED, MessageContext(moment(1, 3), "https://p.example.com", {job_id("Cerby"): "Cerby"}))
    assert said.splitlines()[0] == "Cerby: pending retries are increasing"
    assert "Since     20 Jan 2026, 01:00 UTC, detected 2 h later" in said
    assert "Affected\n  1 leaver, 4 pending retries" in said
    assert "Evidence\n  before: 0" in said
    assert f"What to do\n  {find_rule('escrow_growth').do}" in said
    words = f"incident={found.incident_id}&since=2026-01-19T01:00&until=2026-01-20T04:00&job=Cerby"
    assert f"https://p.example.com/issues?{words}" in said


def test_people_are_named_up_to_ten_and_leavers_come_first() -> None:
    said = body_of(incident(leavers=["eve"], people=[f"p{number}" for number in range(12)]), OPENED, SHARED)
    assert "Affected\n  1 leaver\n  eve, p0, p1, p2, p3, p4, p5, p6, p7, p8 and 3 more" in said


def test_evidence_is_one_line_a_column_and_what_is_empty_is_left_out() -> None:
    said = body_of(
        incident(reason="x\ny", nothing=None, empty=[], share=0.41234, ok=True, next_attempt_at=moment(2, 9)),
        OPENED,
        SHARED,
    )
    lines = ["  reason: x y", "  share: 41.2%", "  ok: yes", "  next attempt at: 21 Jan 2026, 09:00 UTC"]
    assert "\n".join(["Evidence", *lines, "", "What to do"]) in said


def test_a_title_is_one_line_that_names_state_and_app() -> None:
    assert (
        title_of(incident("Token\r\nBcc: all@example.com"), OPENED, AT) == "Critical: Cerby: Token Bcc: all@example.com"
    )
    assert title_of(incident(), ESCALATED, AT) == "Now critical: Cerby: 3 leavers wait"
    assert title_of(incident(), CLOSED, AT) == "Resolved: Cerby: 3 leavers wait (lasted 7 h 5 min)"
    assert title_of(incident(), PASSED, AT) == "Opened and resolved: Cerby: 3 leavers wait (lasted 7 h 5 min)"


def test_what_is_over_says_how_long_it_lasted_and_asks_for_nothing() -> None:
    said = body_of(incident(people=["ada"]), CLOSED, SHARED)
    assert "Until     20 Jan 2026, 09:05 UTC, so it lasted 7 h 5 min" in said
    assert "What to do" not in said
    assert "ada" not in said


def test_an_incident_whose_rule_is_gone_can_still_be_told() -> None:
    said = body_of(incident(rule="no_such_rule"), OPENED, SHARED)
    assert "What to do" not in said
    assert "/issues?incident=abc&since=" in said


@pytest.mark.parametrize("name", rules())
def test_every_rule_can_be_told(name: str) -> None:
    said = body_of(incident(rule=name), OPENED, SHARED)
    assert rules()[name].do in said
    assert "https://provisioning.example.com/issues?incident=" in said


def test_a_link_is_read_by_the_bar_as_it_was_meant() -> None:
    words = parse_qs(urlparse(link_of(incident(), False, SHARED)).query)
    assert set(words) - {Word.INCIDENT} <= set(BAR_WORDS.words)
    assert words["incident"] == ["abc"]
    assert filters.read_instant(words["since"][0]) == moment(0, 2)
    assert filters.read_instant(words["until"][0]) == moment(1, 10)
    assert words["job"] == ["Cerby"]


def test_a_jobs_word_is_the_bars() -> None:
    jobs = [("a.1234567", "Cerby"), ("b.7654321", "Cerby"), ("c.1", "Zoom & more")]
    mine = {word: job for job, word in job_words(jobs).items()}
    assert mine == filters.job_names(pd.DataFrame(jobs, columns=["job_id", "app_name"]))


def message(number: int, change: str = OPENED, severity: str = "warning") -> Message:
    return Message(f"id{number}", change, severity, f"Title {number}", "body", "Cerby", f"http://x/{number}")


def test_many_become_one_with_the_worst_first_and_what_is_over_last() -> None:
    one = grouped("g", [message(1), message(2, CLOSED, "critical"), message(3, severity="critical")])
    assert one.title == "3 changes: 2 open, 1 resolved (Cerby)"
    assert [line for line in one.body.splitlines() if "Title" in line] == ["1. Title 3", "2. Title 1", "3. Title 2"]
    assert one.severity == "critical"


def test_a_very_large_storm_is_cut_and_says_so() -> None:
    assert "And 10 more, which the dashboard shows." in grouped("g", [message(number) for number in range(60)]).body


def test_a_repeat_says_that_it_may_be_one_and_carries_the_same_id() -> None:
    first = message(1)
    again = Message(**{**vars(first), "repeated": True})
    assert first.text == "body\n\nMessage id1"
    assert again.text == f"body\n\n{REPEATED}\n\nMessage id1"


def test_a_long_trouble_is_told_in_days() -> None:
    old = moment(1) - timedelta(days=3, hours=2)
    told = Incident(**{**vars(incident()), "opened_at": datetime.fromisoformat(str(old))})
    assert "(lasted 3 days 11 h)" in title_of(told, CLOSED, AT)


@pytest.mark.parametrize(
    "name", ["https://login.invalid/reset", "see www.login.invalid", "HTTPS://P.EXAMPLE.COM.invalid"]
)
def test_what_a_log_holds_becomes_no_link_and_our_own_stays_one(name: str) -> None:
    shared = MessageContext(AT, "https://p.example.com", {job_id("Cerby"): "Cerby"})
    one = incident(f"Cerby: group {name} was emptied", people=[f"Ada {name}"])
    sent = Message(
        "id",
        OPENED,
        "critical",
        title_of(one, OPENED, AT),
        body_of(one, OPENED, shared),
        link=link_of(one, False, shared),
    )
    many = grouped("all", [sent, sent])
    for text in (sent.text, many.text, sent.subject):
        others = text.replace(sent.link, "")
        assert "://" not in others.replace("https://p.example.com/", "") and "www." not in others
    assert sent.link in sent.text.split() and sent.link in many.text.split()
