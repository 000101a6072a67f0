"""Attributes blamed: what was planted comes first on five seeds, and where nothing was planted nothing is blamed."""

import json
from collections.abc import Iterator
from datetime import datetime
from math import comb
from typing import Any

import pandas as pd
import pytest

from pipeline.config.settings import read_settings
from pipeline.sample import imagine
from pipeline.sample.nouns import Event
from pipeline.store.lake import open_store
from tests.support.given import Given, Row, job_id
from views.parts.issues.sentences import blame_sentence, lead

SEEDS = (11, 12, 13, 14, 15)
CLEAN = 7
WINDOW: Row = {"since": datetime(2026, 1, 16), "until": datetime(2026, 1, 26)}
PLANTED = {"name.familyName": "surname", 'emails[type eq "work"].value': "mail"}


def row_of(event: Event) -> Row:
    """Gives an imagined event as a row of `events`."""
    subject, failure = event.intent.subject, event.failure
    body = (failure.body or {}) if failure else {}
    return {
        "event_id": event.event_id,
        "job_id": event.app.job_id,
        "app_name": event.app.name,
        "tenant_id": event.app.tenant_id,
        "cycle_id": event.cycle_id,
        "occurred_at": event.at.replace(tzinfo=None),
        "action": event.action,
        "status": event.status,
        "source_id": subject.source_id,
        "source_name": subject.name,
        "source_type": subject.kind,
        "upn": subject.upn,
        "error_code": failure.code if failure else None,
        "error_category": failure.category if failure else None,
        "reason": failure.reason if failure else None,
        "http_status": failure.http_status if failure else None,
        "scim_type": body.get("scimType"),
        "scim_detail": body.get("detail"),
        "skip_reason": event.skip_reason,
        "steps": [
            {
                "name": step.name,
                "type": step.type,
                "status": step.status,
                "description": step.description,
                "details": json.dumps(step.details),
            }
            for step in event.steps
        ],
        "changes": [
            {"attribute": each.attribute, "old_value": each.old, "new_value": each.new} for each in event.changes
        ],
    }


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """A tenant of each seed, and one whose people all have what is required, in one store."""
    folder = tmp_path_factory.mktemp("tenants")
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    given = Given(store)
    for seed in (*SEEDS, CLEAN):
        world = imagine(seed=seed, users=80, groups=4, days=10)
        told = [event for event in world.events if seed != CLEAN or event.intent.story != "missing_attributes"]
        given.rows["events"] += [row_of(event) | {"tenant_id": f"seed {seed}"} for event in told]
    given.stored()
    yield given
    store.close()


@pytest.fixture(scope="module")
def issues(tenants: Given) -> list[Row]:
    """Every tenant's issues."""
    return [row | {"seed": seed} for seed in (*SEEDS, CLEAN) for row in tenants.answer("issues", **of(seed))]


def of(seed: int) -> Row:
    """Gives the whole history of a seed's tenant."""
    return WINDOW | {"tenant": f"seed {seed}"}


def blame(given: Given, issue: Row, **more: Any) -> list[Row]:
    """Gives what tells those whom an issue hit apart."""
    return given.answer("attribute_blame", job=issue["job_id"], issue=issue["issue"], **WINDOW, **more)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_planted_ranks_first_and_is_blamed(tenants: Given, issues: list[Row], seed: int) -> None:
    tried = {row["attribute"]: row for row in issues if row["seed"] == seed and row["attribute"]}
    assert set(tried) == set(PLANTED)
    for named, source in PLANTED.items():
        first = blame(tenants, tried[named], required="mail|surname")[0]
        assert (first["attribute"], first["trait"], first["side"]) == (source, "is missing", "read")
        assert first["blamed"] and first["hit"] == first["of_hit"] == tried[named]["people"] and first["others"] == 0


@pytest.mark.parametrize("seed", [*SEEDS, CLEAN])
def test_where_no_attribute_is_at_fault_none_is_blamed(tenants: Given, issues: list[Row], seed: int) -> None:
    sound = [row for row in issues if row["seed"] == seed and row["attribute"] is None and row["people"] > 2][:5]
    assert {"EntryConflict", "TooManyRequests", "LicenseLimitExceeded"} <= {row["code"] for row in sound}
    for issue in sound:
        assert [row for row in blame(tenants, issue) if row["blamed"]] == [], issue["code"]


def test_on_a_tenant_whose_people_all_have_what_is_required_no_issue_names_an_attribute(issues: list[Row]) -> None:
    assert [row for row in issues if row["seed"] == CLEAN and row["attribute"]] == []


# What is told of values


def read(values: Row) -> Row:
    """Gives the steps and the action of somebody who is created with these source attributes."""
    step = {"name": "EntryImportAdd", "type": "import", "status": "success", "description": ""}
    return {"action": "create", "steps": [step | {"details": json.dumps(values)}]}


def blamed(given: Given, values: Row, others: Row, people: int = 6) -> list[tuple[str, str]]:
    """Gives what is blamed when some people have these values and twenty others have those."""
    for number in range(people):
        given.failed(f"bad{number}", **read({"number": f"{number}", **values}))
    for number in range(20):
        given.succeeded(f"good{number}", **read({"number": f"{50 + number}", **others}))
    [issue] = given.answer("issues")
    rows = given.answer("attribute_blame", job=job_id("Cerby"), issue=issue["issue"])
    return [(row["attribute"], row["trait"]) for row in rows if row["blamed"]]


@pytest.mark.parametrize(
    ("bad", "good", "trait"),
    [
        ({"mail": " "}, {"mail": "a@example.com"}, "is empty"),
        ({"mail": "a@example.org"}, {"mail": "a@example.com"}, "is in the domain example.org"),
        ({"givenName": "Zoë"}, {"givenName": "Zoe"}, "has letters outside ASCII"),
        ({"alias": "a#b%"}, {"alias": "abcd"}, "has unusual signs"),
        ({"title": "x" * 70}, {"title": "x" * 60}, "has more than 64 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_of_trait_can_be_blamed(given: Given, bad: Row, good: Row, trait: str) -> None:
    found = blamed(given, bad, good)
    assert (next(iter(bad)), trait) in found
    assert {attribute for attribute, _ in found} == set(bad)


def test_a_value_shared_by_two_people_is_told_where_values_are_mostly_unique(given: Given) -> None:
    for number in range(4):
        given.failed(f"bad{number}", **read({"login": f"twin{number // 2}"}))
    for number in range(40):
        given.succeeded(f"good{number}", **read({"login": f"login{number}"}))
    [issue] = given.answer("issues")
    rows = given.answer("attribute_blame", job=job_id("Cerby"), issue=issue["issue"])
    assert ("login", "is shared with another user", True) in [
        (row["attribute"], row["trait"], row["blamed"]) for row in rows
    ]


def test_one_person_alone_and_people_without_anybody_to_compare_with_tell_nothing(given: Given) -> None:
    assert blamed(given, {"mail": ""}, {"mail": "a@example.com"}, people=1) == []


def test_a_skip_is_compared_with_creates_and_updates_and_never_blamed_for_what_it_did_not_write(given: Given) -> None:
    change = {"attribute": "userName", "old_value": None, "new_value": "x"}
    for number in range(5):
        given.skipped(f"bad{number}", "AttributeValidationFailed", **read({"number": "1"}))
    for number in range(20):
        given.succeeded(f"good{number}", changes=[change], **read({"number": "2", "surname": "Lovelace"}))
    [issue] = given.answer("issues")
    rows = given.answer("attribute_blame", job=job_id("Cerby"), issue=issue["issue"])
    assert {row["side"] for row in rows} == {"read"}
    assert ("surname", "is missing") in [(row["attribute"], row["trait"]) for row in rows if row["blamed"]]


def test_what_the_profile_requires_orders_ties_and_only_those(given: Given) -> None:
    for number in range(5):
        given.failed(f"bad{number}", **read({"number": f"{number}"}))
    for number in range(20):
        given.succeeded(f"good{number}", **read({"number": f"{9 + number}", "alias": "a", "surname": "b"}))
    [issue] = given.answer("issues")
    asked = {"job": job_id("Cerby"), "issue": issue["issue"]}
    plain = given.answer("attribute_blame", **asked)
    prior = given.answer("attribute_blame", **asked, required="surname|mail")
    assert [row["attribute"] for row in plain[:2]] == ["alias", "surname"]
    assert [row["attribute"] for row in prior[:2]] == ["surname", "alias"]
    assert sorted(row["p"] for row in plain) == [row["p"] for row in prior]


def test_numbers_agree_with_a_count_by_hand(given: Given) -> None:
    for number in range(8):
        given.failed(f"bad{number}", **read({"number": f"{number}"} | ({} if number < 7 else {"mail": "x"})))
    for number in range(20):
        given.succeeded(f"good{number}", **read({"number": f"{number}"} | ({} if number < 2 else {"mail": "x"})))
    [issue] = given.answer("issues")
    row = given.answer("attribute_blame", job=job_id("Cerby"), issue=issue["issue"])[0]
    assert (row["hit"], row["of_hit"], row["others"], row["of_others"]) == (7, 8, 2, 20)
    assert row["ratio"] == pytest.approx(8.75)
    assert (row["ratio_low"], row["ratio_high"]) == (pytest.approx(2.2897, abs=1e-3), pytest.approx(33.437, abs=1e-2))
    assert row["p"] == pytest.approx((comb(9, 7) * comb(19, 1) + comb(9, 8)) / comb(28, 8), rel=1e-9)


def test_it_ends_in_a_sentence() -> None:
    told = {"attribute": "mail", "trait": "is missing", "hit": 38, "of_hit": 41, "others": 2, "of_others": 1204}
    assert lead(told) == "38 of 41 affected users have no mail; 2 of 1,204 others do not either"
    other = told | {"trait": "is in the domain example.org", "others": 0, "of_others": 1, "of_hit": 1, "hit": 1}
    assert lead(other) == ("The only affected user has a mail that is in the domain example\\.org; none of 1 other do")


def test_where_nothing_can_be_blamed_it_says_why() -> None:
    nothing = pd.DataFrame()
    assert blame_sentence(nothing, {"people": 1}).endswith("A single user or group cannot be compared.")
    assert blame_sentence(nothing, {"people": 3}).endswith("Too few users to compare.")
    assert "chance" in blame_sentence(pd.DataFrame([{"blamed": False}]), {"people": 3})
