"""The page Target: full, with one side only, and without any SCIM log; its numbers are those of the matrix."""

from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.pages import APP, healthy, table, text
from views.parts.target.cells import (
    CELLS,
    COLUMNS,
    DISAGREEMENTS,
    NOUNS,
    ROWS,
    TROUBLE,
    cell_counts,
    sentence,
    worst_cell,
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
    """Draws the page alone, without the one that opens first."""
    test = AppTest.from_file(str(APP), default_timeout=60)
    for name, word in WINDOW.items():
        test.query_params[name] = word
    return healthy(test.switch_page("target.py").run())


def buttons(test: AppTest) -> dict[str, Any]:
    """Gives the matrix's cells by name."""
    return {str(one.key).removeprefix("cell-"): one for one in test.button if str(one.key).startswith("cell-")}


@pytest.mark.usefixtures("both")
def test_the_page_says_what_does_not_agree_and_opens_its_rows_then_health_and_what_the_vendor_should_mend() -> None:
    test = drawn()
    told = text(test)
    assert "Of 10 changes that Entra tells of Shop, both sides agree on 9. Not so: 1 change called success that" in told
    assert "1 write to the app of which Entra knows nothing" in told
    cells = buttons(test)
    assert cells["both well"].label == ":green[:material/check_circle: **9**] agree"
    assert cells["seen twice"].disabled and not cells["never seen"].disabled
    assert list(table(test, "matched_by")["name"]) == ["lost@example.com"]
    cells["both well"].click().run()
    assert len(table(healthy(test), "matched_by")) == 9
    told = text(test)
    assert "Its clock is 2.0 s ahead of Entra" in told
    assert dict(table(test, "p95_ms").set_index("verb")["requests"]) == {"PATCH": 9, "DELETE": 1, "probe": 1}
    assert any("A delete was not answered 204" in expander.label for expander in test.expander)
    assert "1 finding: 1 misleading." in told


def test_without_a_log_of_requests_the_page_teaches_how_to_get_one(given: Given) -> None:
    given.succeeded("ada", day=1)
    given.stored()
    told = text(drawn())
    assert "No SCIM request was logged between" in told
    assert "An access log" in told and "ask its vendor" in told
    assert "agree" not in told


def test_with_the_apps_side_only_nothing_is_said_to_disagree(given: Given) -> None:
    request(given, "PATCH", "ada", 1)
    given.observed("Shop", "Active", day=1)
    given.stored()
    test = drawn()
    assert "1 request was logged, and no event of Entra's: only the app's side is known." in text(test)
    assert "not known" in buttons(test)
    assert buttons(test)["no event"].disabled


def test_every_cell_has_its_place_and_a_number_that_adds_up() -> None:
    places = [(cell.row, cell.column) for name, cell in CELLS.items() if name != "not known"]
    assert all(row in ROWS and column in COLUMNS for row, column in places)
    rows = pd.DataFrame({"cell": ["both well", "both well", "never seen"], "events": [2, 3, 1]})
    assert sum(cell_counts(rows).values()) == 6
    assert worst_cell(cell_counts(rows)) == "never seen"
    assert worst_cell(cell_counts(rows[:2])) == "both well"
    assert "in Shop in this window" in sentence({}, ["Shop"])
    assert set(DISAGREEMENTS) == set(TROUBLE) == set(NOUNS)
