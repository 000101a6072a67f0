"""What two failures of one cause share: the normalised message and the fingerprint, on words and on real records."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings, read_settings
from pipeline.ingest.files import ingest
from pipeline.knowledge.causes import find_cause
from pipeline.sample import imagine
from pipeline.store.lake import Store, open_store

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures" / "graph"
CAUSE: dict[str, Any] = {
    "template": "scim",
    "kind": "User",
    "step": "export",
    "code": "EntryConflict",
    "status": 409,
    "scim": "uniqueness",
    "words": "A user with the userName 'ada@example.com' already exists.",
}
PRINT = "select fingerprint($template, $kind, $step, $code, $status, $scim, normalised($words))"


@pytest.fixture(scope="module")
def lake(blank: Settings) -> Iterator[Store]:
    """A lake for its macros; nothing is written."""
    store = open_store(blank)
    yield store
    store.close()


def text(lake: Store, words: str) -> str:
    """Gives a message normalised."""
    [said] = lake.ask("select normalised($words) as said", {"words": words}).to_pydict()["said"]
    return str(said)


def name(lake: Store, **other: Any) -> str:
    """Gives the fingerprint of the usual cause, in which some things are different."""
    [found] = lake.ask(f"{PRINT} as found", CAUSE | other).to_pydict()["found"]
    return str(found)


ALIKE = {
    "id": (
        "Object 9f8b9a52-1e0b-4c6e-9c86-0a4c5b1e2d3f was refused",
        "Object 00000000-aaaa-4bbb-8ccc-dddddddddddd was refused",
    ),
    "id without dashes": ("key 9f8b9a521e0b4c6e9c860a4c5b1e2d3f", "key 00000000aaaa4bbb8cccdddddddddddd"),
    "address of mail": ("mail ada@example.com is taken", "mail bob.o@mail.example.org is taken"),
    "instant": ("not before 2026-01-05T12:00:00.123Z.", "not before 2026-02-28 01:02:03 UTC."),
    "American date": ("due 1/5/2026 1:02:03 PM", "due 12/31/2025 11:59:59 AM"),
    "number": ("waited 120 seconds", "waited 7 seconds"),
    "host": ("no answer from scim.example.com:8443 today", "no answer from api-2.example.net today"),
    "address of the web": ("see https://a.example/x?y=1 for more", "see http://b.example for more"),
    "quoted value": ("the value 'Ada' is not allowed", 'the value "Bob O\u2019Hara" is not allowed'),
    "members": (
        "We were unable to assign a@example.com, b@example.com as the members of Care Leads 4.",
        "We were unable to assign c@example.com as the members of Sales.",
    ),
    "retry sentence": (
        "No licence is left. This operation was retried 3 times. It will be retried again after this date: "
        "2026-01-05T12:00:00.1234567Z UTC",
        "No licence is left.",
    ),
    "no retry time": ("No licence is left. This operation was retried 1 time.", "No licence is left."),
}
APART = {
    "attribute": (
        "the required attribute 'name.familyName' has no value",
        "the required attribute 'emails' has no value",
    ),
    "attribute in a path": ("attribute name.familyName is empty", "attribute name.givenName is empty"),
    "sentence": ("No free licence is left.", "The licence has expired."),
    "apostrophe": ("The app doesn't take 'Ada' and isn't sorry", "The app doesn't take 'Ada' and is sorry"),
}


@pytest.mark.parametrize("what", ALIKE)
def test_messages_that_differ_in_what_differs_from_object_to_object_share_one(lake: Store, what: str) -> None:
    one, other = ALIKE[what]
    assert text(lake, one) == text(lake, other)
    assert name(lake, words=one) == name(lake, words=other)


@pytest.mark.parametrize("what", APART)
def test_messages_of_two_causes_do_not(lake: Store, what: str) -> None:
    one, other = APART[what]
    assert name(lake, words=one) != name(lake, words=other)


@pytest.mark.parametrize(
    "other",
    [
        {"template": "cerby"},
        {"kind": "Group"},
        {"step": "matching"},
        {"code": "InternalServerError"},
        {"status": 400},
        {"scim": "mutability"},
        {"scim": None},
        {"words": "Another sentence."},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_template_kind_step_code_status_scim_type_or_sentence_is_another_cause(
    lake: Store, other: dict[str, Any]
) -> None:
    assert name(lake, **other) != name(lake)


def test_a_fingerprint_says_which_recipe_made_it_and_is_the_same_for_ever(lake: Store) -> None:
    assert name(lake) == name(lake, kind="user") == "v1-e45dc03ad446"


def test_a_message_stays_readable(lake: Store) -> None:
    assert text(lake, "The value 'Ada' of 'userName' doesn't fit: 3 of 5 (see https://x.example/1).") == (
        "The value ‹value› of 'userName' doesn't fit: # of # (see ‹address›"
    )


@pytest.mark.parametrize(
    ("words", "names", "said"),
    [
        ("User Ann One already exists", ["Ann One", "ann.one"], "User ‹name› already exists"),
        ("login ANN.ONE, Ann One: taken", ["Ann One", "ann.one"], "login ‹name›, ‹name›: taken"),
        ("Group R&D (EMEA) is full (max 50)", ["R&D (EMEA)", None], "Group ‹name› is full (max 50)"),
        ("Annotations of Ann are not allowed", ["Ann", "anno"], "Annotations of Ann are not allowed"),
        ("Zoë Ångström gibt es schon", ["zoë ångström", ""], "‹name› gibt es schon"),
        ("no name at all", [None, None], "no name at all"),
    ],
)
def test_a_message_loses_the_names_of_whom_it_is_about(
    lake: Store, words: str, names: list[str | None], said: str
) -> None:
    asked = "select without_names($words, $names::varchar[]) as said"
    assert lake.ask(asked, {"words": words, "names": names}).to_pydict()["said"] == [said]


def test_every_planted_sentence_is_one_cause_and_no_two_causes_share_a_fingerprint(lake: Store) -> None:
    world = imagine(seed=5, users=60, groups=6, days=10)
    found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    prints: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for event in world.events:
        if event.failure is None and event.skip_reason != "AttributeValidationFailed":
            continue
        failed = next((step for step in event.steps if step.status == "failure"), event.steps[-1])
        body = event.failure.body if event.failure else None
        words = str(body["detail"]) if body else event.failure.reason if event.failure else failed.description
        code = event.failure.code if event.failure else str(event.skip_reason)
        cause = (event.app.name, code, event.intent.subject.kind, event.intent.lacks)
        found_as = name(
            lake,
            template=event.app.job_id.split(".")[0],
            kind=event.intent.subject.kind,
            step=failed.type,
            code=code,
            status=event.failure.http_status if event.failure else None,
            scim=body.get("scimType") if body else None,
            words=words,
        )
        found[found_as].add(cause)
        prints[cause].add(found_as)
    assert len(prints) > 6
    assert {each for each, causes in found.items() if len(causes) > 1} == set()
    assert {each for each, names in prints.items() if len(names) > 1} == set()


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the published records are not beside the project")
def test_real_records_read_well(tmp_path: Path) -> None:
    store = open_store(read_settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path}/catalog.sqlite"))
    ingest(store, [FIXTURES])
    told = store.fetch("select code, http_status, detail from problems order by code").to_pylist()
    store.close()
    conflict, filtering = told
    assert (conflict["code"], filtering["http_status"]) == ("ContosoEntryConflict", 409)
    assert str(conflict["detail"]).startswith(
        "Message: Contoso returned an error response with the HTTP status code #. This response indicates that a user"
    )
    assert filtering["detail"] == (
        "unclaimed user already exists for that email address. Please claim user instead of provisioning them."
    )
    assert find_cause(conflict["code"]) is find_cause("EntryConflict")
    assert find_cause(filtering["code"]) is not find_cause("ServiceIncompatible")
