"""The rule that a group was emptied or halved: it fires, stays silent and closes."""

from tests.model.test_groups import added, grouped, patched, people, replaced, requested
from tests.rules.test_rules import lasts, opens
from tests.support.given import Given, moment

SIX = ("ada", "bob", "eve", "kim", "lea", "max")


def design(given: Given) -> None:
    """A group of six."""
    people(given, *SIX)
    grouped(given, "success", 1, new=", ".join(f"id-{one}" for one in SIX))


def test_group_shrank_fires_critically_when_nobody_is_left_and_names_them(given: Given) -> None:
    design(given)
    patched(given, 2, {"op": "remove", "path": "members"})
    found = opens(given, "group_shrank", moment(2, 10))["id-design"]
    assert found["severity"] == "critical"
    assert found["since"] == moment(2, 9, 1)
    assert found["summary"] == "Cerby: group Design was emptied, losing 6 of 6 members"
    assert found["people"] == [f"{one}@example.com" for one in SIX]


def test_group_shrank_fires_as_a_warning_when_more_than_half_is_gone(given: Given) -> None:
    design(given)
    patched(given, 2, replaced("target-ada", "target-bob"))
    found = opens(given, "group_shrank", moment(2, 10))["id-design"]
    assert (found["severity"], found["had"], found["has"], found["lost"]) == ("warning", 6, 2, 4)
    assert found["summary"] == "Cerby: group Design lost 4 of 6 members"


def test_group_shrank_is_silent_on_half_on_a_deleted_group_and_on_a_refused_request(given: Given) -> None:
    design(given)
    patched(given, 2, {"op": "remove", "path": "members"}, status=400)
    patched(given, 3, replaced("target-ada", "target-bob", "target-eve"))
    assert opens(given, "group_shrank", moment(3, 10)) == {}
    requested(given, 4, "design", method="DELETE")
    assert opens(given, "group_shrank", moment(4, 10)) == {}


def test_group_shrank_closes_when_the_members_are_back_or_its_hours_are_over(given: Given) -> None:
    design(given)
    grouped(given, "success", 1, group="sales", new=", ".join(f"id-{one}" for one in SIX))
    for group in ("design", "sales"):
        patched(given, 2, {"op": "remove", "path": "members"}, group=group)
    patched(given, 3, added("target-ada", "target-bob", "target-eve", "target-kim"))
    assert lasts(given, "group_shrank", moment(3, 10)) == {"id-design", "id-sales"}
    patched(given, 4, added("target-lea"))
    assert lasts(given, "group_shrank", moment(4, 10)) == {"id-sales"}
    assert lasts(given, "group_shrank", moment(5, 10)) == set()
