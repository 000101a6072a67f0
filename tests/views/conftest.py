"""The tenant that several pages are drawn for."""

import pytest

from pipeline.store.lake import Store
from tests.support.given import Given, moment

STEP = {
    "name": "EntryExportAdd",
    "type": "export",
    "status": "failure",
    "description": "no",
    "details": '{"MatchCount": "2"}',
}


@pytest.fixture
def tenant(given: Given) -> Store:
    """Two apps and three people: Cerby is in quarantine, ada fails in Zoom, everything else is well."""
    change = {"attribute": "userName", "old_value": None, "new_value": "ada@example.com"}
    for who in ("ada", "bob", "carol"):
        given.succeeded(who, day=11, hour=9, app="Cerby", changes=[change])
        given.succeeded(who, day=13, hour=22, app="Zoom")
    given.failed("ada", day=13, hour=22, minute=30, app="Zoom", steps=[STEP], retry_at=moment(14, 4))
    given.skipped("bob", "NotEffectivelyEntitled", day=13, hour=20, app="Zoom")
    given.exchanged("PATCH", "/Users/target-ada", 409, moment(13, 22, 30, 5), resource_id="target-ada")
    given.observed("Zoom", "Active", day=13, hour=23)
    given.quarantined("Cerby", day=13, hour=23, since=moment(12, 4, 40))
    given.loaded("inbox/zoom.json", lines=9, rejects=1, kept=8, day=13)
    given.rejected("inbox/zoom.json", 4, "zoom.json:4: id is missing; an id was expected", raw="<b>{</b>")
    given.ran("ingest", day=13, detail="1 files")
    return given.stored()
