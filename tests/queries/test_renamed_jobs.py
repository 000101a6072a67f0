"""A job whose app was renamed has one name, its newest, in every answer."""

from typing import Any

from pipeline.store.catalog import catalog
from tests.support.given import FORTNIGHT, Given, moment

OLD, NEW = "Zoom Trial", "Acme Meet"
JOB = "scim.meet"
"Of the alphabet the old name is the last, so that the largest name is not the newest."


def of_job(given: Given, name: str) -> dict[str, Any]:
    """What events of the job have in common while its app has a name."""
    return {"job_id": JOB, "app_id": "app-meet", "app_name": name, "cycle_id": f"cycle {name}"}


def renamed(given: Given) -> None:
    """Ada fails, Leah should have left, a group gains a member and Dan is skipped, before and after a rename."""
    change = {"attribute": "title", "old_value": "x", "new_value": "y"}
    for day, name in ((2, OLD), (9, NEW)):
        known = of_job(given, name)
        given.succeeded(f"bob{day}", day, 8, changes=[change], **known)
        given.failed(f"ada{day}", day, 9, **known)
        given.failed(f"leah{day}", day, 10, action="disable", **known)
        given.skipped(f"dan{day}", "NotEffectivelyEntitled", day, 11, **known)
        given.skipped(f"eve{day}", "AttributeValidationFailed", day, 11, **known)
        given.succeeded(f"team{day}", day, 12, source_type="Group", **known)
        given.disabled(f"gone{day}", day, 13, **known)
        given.failed("ada", day, 14, **known)
        given.observed("Meet", "Quarantine" if day == 2 else "Active", day, 15, app_name=name)
        given.rows["job_snapshots"][-1] |= {"job_id": JOB, "app_id": "app-meet"}
        given.exchanged("PATCH", "/Users/target-ada", 409, moment(day, 14, 0, 5), app_id="app-meet")


def names_in(value: object) -> set[str]:
    """Returns every text in an answer's cell, lists and structs included."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, list):
        return {name for one in value for name in names_in(one)}
    return {name for one in value.values() for name in names_in(one)} if isinstance(value, dict) else set()


def test_a_renamed_app_has_its_newest_name_in_every_list(given: Given) -> None:
    renamed(given)
    given.stored()
    old, asked = [], 0
    for query in catalog().values():
        values = set(FORTNIGHT) | {"at"}
        more = {"object": "id-ada"} if any(one.name == "object" for one in query.parameters) else {}
        if "app_name" not in query.columns or any(
            one.default is None and one.name not in values | more.keys() for one in query.parameters
        ):
            continue
        at = {"at": moment(13)} if any(one.name == "at" for one in query.parameters) else {}
        rows = given.answer(query.name, **more, **at)
        asked += bool(rows)
        if any(OLD in names_in(row["app_name"]) for row in rows):
            old.append(query.name)
    assert (old, asked > 25) == ([], True), old
