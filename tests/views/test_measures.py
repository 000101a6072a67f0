"""The measures that pages are held to, in a real browser: clicks, what axe finds, one title, a phone's width."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pipeline.config.settings import read_settings
from pipeline.store.lake import open_store
from tests.support.browser import CHROMIUM, QUIET, ROOT, WAIT_MS, served
from tests.support.lakes import command, ended
from views.frame.places import PLACES

AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.skipif(
    "CI" not in os.environ and (CHROMIUM is None or not AXE.exists()),
    reason="there is no chromium on this machine, or no axe-core: npm install --prefix build/axe axe-core@4",
)
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


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
    yield from served(folder, where)


def opened(page: Page, address: str) -> Page:
    """Opens an address and waits until it is drawn whole."""
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    settled(page)
    return page


def settled(page: Page) -> None:
    """Waits until nothing is drawn any more, and holds the page to have no error."""
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


@pytest.mark.parametrize("place", PLACES)
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
