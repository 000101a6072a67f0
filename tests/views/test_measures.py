"""The measures that pages are held to, in a real browser: clicks, what axe finds, one title, a phone's width."""

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.config.settings import read_settings
from pipeline.store.lake import open_store
from tests.support.browser import CHROMIUM, ROOT, WAIT_MS, served
from tests.support.cases import thinned
from tests.support.lakes import command, ended
from views.frame.places import PLACES

AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.skipif(
    "CI" not in os.environ and (CHROMIUM is None or not AXE.exists()),
    reason="there is no chromium on this machine, or no axe-core: npm install --prefix build/axe axe-core@4",
)
GRAVE = ("serious", "critical")
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, served from the sample tenant with its incidents."""
    folder = tmp_path_factory.mktemp("served")
    where = f"ducklake:sqlite:{folder}/catalog.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISIONING_STORE", where)
        open_store(read_settings(_env_file=None)).close()
        for words in (("ingest", str(ROOT / "sample_logs")), ("check",)):
            assert ended(command(*words))[0] in (0, 1)
        patch.setenv("PROVISIONING_RULES", f"{folder}/rules.toml")
        yield from served(folder, where)


def opened(page: Page, address: str) -> Page:
    """Opens an address and waits until it is drawn whole."""
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    settled(page)
    return page


def settled(page: Page) -> None:
    """Waits until nothing is drawn any more, and holds the page to have no error."""
    # What was clicked reaches the server first.
    page.wait_for_timeout(300)
    page.wait_for_selector("h1")
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def faults(page: Page, *rules: str) -> list[str]:
    """Returns what axe finds that is serious or critical, each with the first place where."""
    only: dict[str, Any] = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = page.evaluate("options => axe.run(document, options)", {"resultTypes": ["violations"]} | only)
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:150]}" for fault in found["violations"] if fault["impact"] in GRAVE
    ]


@pytest.mark.parametrize("place", thinned(PLACES))
def test_axe_finds_nothing_grave_by_day_and_night(browser: Browser, address: str, place: str) -> None:
    target = PLACES[place]
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
    opened(page, f"{address}/{target.path}{f'?tab={target.tab}' if target.tab else ''}")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert faults(page) == []
    assert page.locator("h1").count() == 1
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    assert faults(page, "color-contrast") == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


class Clicks:
    """Clicks on a page, counted; typing is none."""

    def __init__(self, page: Page) -> None:
        self.page, self.number = page, 0

    def click(self, role: Any, name: str, inside: str | None = None) -> None:
        """Clicks on what a role and a name show, in a part of the page or, as in a menu or a panel, anywhere."""
        self.number += 1
        place = self.page.get_by_test_id(inside) if inside else self.page
        place.get_by_role(role, name=name).first.click()
        settled(self.page)

    def open_row(self, heading: str, row: int = 0) -> None:
        """Clicks on the name of a row of the table below a heading."""
        self.number += 1
        grid = self.page.locator(
            f"xpath=//*[self::h2 or self::h3][contains(., '{heading}')]/following::*[@data-testid='stDataFrame'][1]"
            if heading
            else "[data-testid=stMain] [data-testid=stDataFrame]"
        ).first
        expect(grid).to_be_visible()
        box = grid.bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + 110, box["y"] + 38 + 35 * row + 17)
        expect(self.page.get_by_role("dialog")).to_be_visible()
        settled(self.page)


@pytest.fixture
def home(browser: Browser, address: str) -> Iterator[Clicks]:
    """Home, on which nothing was clicked yet."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    yield Clicks(opened(page, address))
    page.close()


def test_whether_a_user_is_in_an_app_and_why_not_takes_two_clicks(home: Clicks) -> None:
    home.click("textbox", "Search", "stSidebar")
    home.page.keyboard.type("yusuf.sorby28")
    home.page.keyboard.press("Enter")
    result = home.page.get_by_role("dialog").get_by_role("link", name="yusuf.sorby28")
    expect(result).to_be_visible()
    home.number += 1
    result.click()
    expect(home.page.get_by_role("dialog").get_by_text("Not provisioned to Cerby since")).to_be_visible()
    assert home.number <= 2


def test_who_still_has_access_takes_one_click(home: Clicks) -> None:
    home.click("link", "Leavers", "stSidebar")
    expect(home.page.get_by_test_id("stMetricLabel").filter(has_text="Leavers still with access")).to_be_in_viewport()
    assert home.number <= 1


def test_what_to_do_about_a_quarantine_takes_one_click_and_acknowledging_it_two(home: Clicks) -> None:
    home.open_row("Needs attention")
    panel = home.page.get_by_role("dialog")
    expect(panel.get_by_text("Enter it in Entra under Provisioning").first).to_be_in_viewport()
    assert home.number <= 1
    panel.get_by_role("textbox", name="Act as").fill("Ada")
    home.click("button", "Acknowledge")
    expect(panel.get_by_text("Acknowledged by Ada", exact=False).first).to_be_visible()
    assert home.number <= 2
    # What a button opens is entered by the key that opens it, and left by Escape.
    note = panel.get_by_role("button", name="Note")
    note.press("Enter")
    expect(home.page.get_by_role("textbox", name="Note")).to_be_focused()
    home.page.keyboard.type("asked the vendor")
    home.page.keyboard.press("Control+Enter")
    expect(panel.get_by_text("asked the vendor").first).to_be_visible()
    home.page.keyboard.press("Escape")
    expect(note).to_be_focused()


def test_sharing_takes_two_clicks_and_exporting_all_rows_two(home: Clicks) -> None:
    home.click("button", "Share")
    expect(home.page.get_by_text("http://localhost", exact=False).first).to_be_visible()
    home.page.keyboard.press("Escape")
    home.number = 0
    home.click("link", "People", "stSidebar")
    home.number = 0
    home.click("button", "Export")
    with home.page.expect_download() as download:
        home.click("link", "CSV")
    name, file = download.value.suggested_filename, download.value.path()
    assert name.startswith("users_and_groups_") and name.endswith(".csv")
    with Path(file).open(encoding="utf-8", newline="") as rows:
        assert sum(1 for _ in csv.reader(rows)) == 1 + 168
    assert home.number <= 2


def test_a_threshold_is_changed_in_four_clicks(home: Clicks) -> None:
    home.click("link", "Alert rules", "stSidebar")
    home.open_row("", 1)
    panel = home.page.get_by_role("dialog")
    field = panel.get_by_role("spinbutton").first
    home.number += 1
    field.click()
    field.fill("4")
    field.press("Enter")
    settled(home.page)
    home.click("button", "Save")
    assert home.number <= 4


@pytest.mark.parametrize("path", ["apps?job=Cerby", "issues?incident="])
def test_an_app_and_an_incident_print_on_two_sheets(browser: Browser, address: str, home: Clicks, path: str) -> None:
    if path.endswith("="):
        home.open_row("Needs attention")
        path += home.page.evaluate("new URLSearchParams(location.search).get('incident')")
    page = opened(browser.new_page(viewport={"width": 1440, "height": 900}), f"{address}/{path}")
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2
    page.close()
