"""The tab SCIM traffic: full, with one side only, and without any SCIM log; its numbers are those of the matrix."""

from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.pages import app, healthy, table, text
from views.parts.traffic.cells import (
    CELLS,
    COLUMNS,
    DISAGREEMENTS,
    NOUNS,
    ROWS,
    TROUBLE,
    cell_counts,
    compared,
    sentence,
)

WINDOW = {"since": "2026-01-19", "until": "2026-01-26"}


def request(given: Given, method: str, who: str, minute: int, status: int = 200, **more: Any) -> None:
    """A request of the app Shop about somebody."""
    told: dict[str, Any] = {
        "app_id": "app-shop",
        "resource_id": f"target-{who}",
        "resource_type": "User",
        "operation": {"GET": "read", "DELETE": "delete"}.get(method, "update"),
        "duration_ms": 120,
        "client": "203.0.113.9",
    }
    given.exchanged(method, f"/scim/Users/target-{who}", status, moment(1, 9, minute, 2), **(told | more))


@pytest.fixture
def both(given: Given) -> Store:
    """Nine changes that agree, one that the app never saw, one write of which Entra knows nothing."""
    for minute, who in enumerate(("ada", "bob", "cleo", "dora", "eve", "finn", "gus", "hal", "ida")):
        given.succeeded(who, day=1, hour=9, minute=minute, app="Shop")
        request(given, "PATCH", who, minute)
    given.succeeded("lost", day=1, hour=9, minute=5, app="Shop")
    request(given, "DELETE", "stranger", 6, 200)
    request(given, "GET", "nobody", 20, operation="probe")
    return given.stored()


def drawn() -> AppTest:
    """Draws the tab."""
    return healthy(app("traffic", **WINDOW))


def buttons(test: AppTest) -> dict[str, Any]:
    """Gives the matrix's cells by name."""
    return {str(one.key).removeprefix("cell-"): one for one in test.button if str(one.key).startswith("cell-")}


@pytest.mark.usefixtures("both")
def test_the_page_says_what_does_not_agree_and_opens_its_rows_then_health_and_what_the_vendor_should_mend() -> None:
    test = drawn()
    told = text(test)
    assert "Entra and Shop agree on 9 of 10 changes. Differences: 1 change reported as success, missing in" in told
    assert "1 write to the app without an event in Entra" in told
    assert [one.value for one in test.metric] == ["10", "90%", "2", "0"]
    cells = buttons(test)
    assert cells["both well"].label == "App: success · :green[:material/check_circle: **9**] agree"
    assert "seen twice" not in cells and "None: unauthorized, sent twice, further step." in told
    assert [frame for frame in test.dataframe if "matched_by" in frame.value.columns] == []
    cells["never seen"].click().run()
    assert list(table(healthy(test), "matched_by")["name"]) == ["lost@example.com"]
    assert "Entra reports a write, and the app's log, which covers the time, has no such request." in text(test)
    buttons(test)["both well"].click().run()
    assert len(table(healthy(test), "matched_by")) == 9
    assert test.query_params["cell"] in ("both well", ["both well"])
    told = text(test)
    assert "Its clock is 2.0 s ahead of Entra's" in told
    assert dict(table(test, "p95_ms").set_index("verb")["requests"]) == {"PATCH": 9, "DELETE": 1, "Credential check": 1}
    assert any("A delete was not answered 204" in expander.label for expander in test.expander)
    assert "1 finding: 1 misleading." in told


def test_without_a_log_of_requests_the_page_teaches_how_to_get_one(given: Given) -> None:
    given.succeeded("ada", day=1)
    given.stored()
    told = text(drawn())
    assert "No SCIM requests between" in told
    assert "access log" in told and "ask the vendor" in told
    assert "agree" not in told


def test_with_the_apps_side_only_nothing_is_said_to_disagree(given: Given) -> None:
    request(given, "PATCH", "ada", 1)
    given.observed("Shop", "Active", day=1)
    given.stored()
    test = drawn()
    assert "1 request was logged by the app, and no provisioning logs: nothing can be compared." in text(test)
    assert "Unknown" in [one.value for one in test.metric]
    assert "not known" in buttons(test)
    assert "no event" not in buttons(test)


def test_every_cell_has_its_place_and_a_number_that_adds_up() -> None:
    places = [(cell.row, cell.column) for name, cell in CELLS.items() if name != "not known"]
    assert all(row in ROWS and column in COLUMNS for row, column in places)
    rows = pd.DataFrame({"cell": ["both well", "both well", "never seen"], "events": [2, 3, 1]})
    assert sum(cell_counts(rows).values()) == 6
    assert compared(cell_counts(rows)) == (6, 5)
    assert "in Shop to compare" in sentence({}, ["Shop"])
    assert set(DISAGREEMENTS) == set(TROUBLE) == set(NOUNS)
