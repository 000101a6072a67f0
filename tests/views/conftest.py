"""The tenants that several pages are drawn for, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from pipeline.store.lake import Store
from tests.support.browser import CHROMIUM, QUIET
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


@pytest.fixture
def rules_file(settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVISIONING_RULES", str(tmp_path / "rules.toml"))
    return tmp_path / "rules.toml"


@pytest.fixture
def quarantine(given: Given, rules_file: Path) -> Given:
    """Cerby has been in quarantine for hours, and no rule was evaluated."""
    given.succeeded("ada", day=10, hour=9)
    given.quarantined("Cerby", day=13, hour=9, since=moment(13, 2))
    given.stored()
    return given


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()
