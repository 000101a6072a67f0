"""Opens the real app in a real browser: `streamlit run dashboard.py` on a lake of its own, looked at by chromium."""

import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.config.settings import read_settings
from pipeline.store.lake import open_store
from tests.support.browser import CHROMIUM, WAIT_MS, served
from tests.support.cases import thinned
from tests.support.given import Given, moment

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason="there is no chromium on this machine"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, served from a lake in which ada fails, others failed for two reasons, and Cerby is in quarantine."""
    folder = tmp_path_factory.mktemp("served")
    where = f"ducklake:sqlite:{folder}/catalog.sqlite"
    store = open_store(read_settings(_env_file=None, store=where))
    given = Given(store)
    given.succeeded("ada", day=13, app="Cerby")
    given.failed("ada", day=13, hour=2, app="Cerby")
    for number in range(10):
        given.failed(f"early{number}", day=8, app="Cerby", error_code="Timeout")
        given.failed(f"late{number}", day=10, app="Cerby", error_code="EntryConflict")
    given.quarantined("Cerby", day=13, hour=23, since=moment(12, 4, 40))
    given.stored()
    store.close()
    yield from served(folder, where)


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[tuple[str, Given]]:
    """The app, served from a lake in which Cerby's initial cycle runs, and the lake itself to write more into."""
    where = f"ducklake:sqlite:{tmp_path}/catalog.sqlite"
    given = Given(open_store(read_settings(_env_file=None, store=where)))
    for number in range(12):
        given.succeeded(f"new{number}", 13, 14, number, cycle_id="first")
        given.succeeded(f"old{number}", 12, cycle_id="past")
    run = {"last_ended_at": moment(12, 0, 1), "last_began_at": moment(12), "entitled": 30, "total_units": 40}
    given.observed("Cerby", "Active", 13, 14, observed_at=moment(13, 14, 12), completed_units=9, interval_s=2400, **run)
    given.stored()
    for address in served(tmp_path, where):
        yield address, given
    given.store.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh tab that remembers what the page asked of other machines."""
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    page.set_default_timeout(WAIT_MS)
    yield page
    page.close()


def opened(page: Page, address: str) -> Page:
    """Opens an address and holds the page to be whole: fresh data named, and no error on it."""
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=WAIT_MS)
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    return page


def test_health_is_answered_beside_the_pages(address: str) -> None:
    with urllib.request.urlopen(f"{address}/healthz", timeout=10) as response:
        told = response.read().decode()
    assert re.search(r'"status":"ok","revision":\d+,"runs_beats":true', told)


def test_home_opens_with_its_sentence(page: Page, address: str) -> None:
    opened(page, address)
    expect(page.get_by_test_id("stAlert").first).to_contain_text("Cerby", timeout=WAIT_MS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("overview", "/"),
        ("quarantine?job=Cerby", "/apps?job=Cerby"),
        ("cycles?cycle=past&job=Cerby", "/apps?tab=cycles&cycle=past&job=Cerby"),
        ("failures?since=2026-02-01T05:00", "/issues?tab=failures&since=2026-02-01T05:00"),
        ("health", "/issues"),
        ("health?rule=silence", "/rules?rule=silence"),
        ("questions?question=people&state=failing", "/query?question=people&state=failing"),
        ("ingestion", "/sources"),
    ],
)
def test_an_address_of_before_leads_to_the_place_that_shows_the_same(address: str, old: str, new: str) -> None:
    with urllib.request.urlopen(f"{address}/{old}", timeout=10) as response:
        assert (response.status, response.url) == (200, f"{address}{new}")


@pytest.mark.parametrize("path", thinned(["apps", "people", "issues", "query", "sources"], 3))
def test_every_page_has_an_address_of_its_own(page: Page, address: str, path: str) -> None:
    opened(page, f"{address}/{path}")
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_a_viewer_is_known_again_by_the_browser(page: Page, address: str) -> None:
    opened(page, address)
    [cookie] = [each for each in page.context.cookies() if each.get("name") == "viewer"]
    assert cookie.get("httpOnly") and cookie.get("sameSite") == "Lax"
    opened(page, f"{address}/people")
    assert [each for each in page.context.cookies() if each.get("name") == "viewer"] == [cookie]


def test_slash_searches_from_every_page_and_a_result_opens_by_keyboard(page: Page, address: str) -> None:
    opened(page, f"{address}/leavers")
    page.keyboard.press("/")
    page.keyboard.type("ada")
    page.keyboard.press("Enter")
    found = page.get_by_role("dialog").get_by_role("link", name=re.compile("^ada@example.com"))
    expect(found).to_be_visible(timeout=WAIT_MS)
    found.press("Enter")
    expect(page.get_by_role("heading", level=1, name="People")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_role("dialog")).to_be_visible(timeout=WAIT_MS)
    assert set(page.evaluate("location.search").strip("?").split("&")) == {"search=ada", "object=id-ada"}


def test_back_closes_the_side_panel_and_keeps_the_search(page: Page, address: str) -> None:
    opened(page, f"{address}/people?search=ada")
    grid = page.get_by_test_id("stDataFrame").first
    expect(grid).to_be_visible(timeout=WAIT_MS)
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 100, box["y"] + 55)
    expect(page.get_by_role("dialog")).to_be_visible(timeout=WAIT_MS)
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=WAIT_MS)
    assert page.evaluate("location.search") == "?search=ada"
    expect(page.get_by_test_id("stMain").get_by_role("textbox").first).to_have_value("ada")


def test_a_link_restores_the_window_it_was_made_of(page: Page, address: str) -> None:
    words = "tab=failures&job=Cerby&since=2026-02-01&until=2026-02-02"
    opened(page, f"{address}/issues?{words}")
    expect(page.get_by_role("button", name="1 Feb 2026 – 2 Feb 2026")).to_be_visible()
    expect(page.get_by_text("1 of 2 attempts failed")).to_be_visible()
    assert page.evaluate("location.search") == f"?{words}"


def test_a_stretch_that_is_dragged_over_is_held_against_the_rest(page: Page, address: str) -> None:
    opened(page, f"{address}/issues")
    page.get_by_text("New vs recurring failures").click()
    expect(page.locator(".js-plotly-plot .xy .barlayer .point").first).to_be_visible(timeout=WAIT_MS)
    page.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    bar = page.locator(".js-plotly-plot .xy .barlayer .point").first.bounding_box(timeout=WAIT_MS)
    assert bar is not None
    height = bar["y"] + bar["height"] / 2
    page.mouse.move(bar["x"] - 3, height)
    page.mouse.down()
    page.mouse.move(bar["x"] + bar["width"] + 3, height, steps=5)
    page.mouse.up()
    expect(page.get_by_role("heading", name="Differences in the selected period")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_text("100% of the failures inside, 0% of the rest.")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_drag_along_a_time_axis_sets_the_time_range_and_one_back_undoes_it(page: Page, address: str) -> None:
    opened(page, f"{address}/issues?tab=failures&window=7-days")
    usual = page.get_by_role("button", name="Last 7 days")
    expect(usual).to_be_visible()
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    expect(plot).to_be_visible(timeout=WAIT_MS)
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=5)
    page.mouse.up()
    expect(usual).to_have_count(0, timeout=WAIT_MS)
    # Whole days, as the bars are; the interval of so short a range is the usual one, which no word names.
    words = dict(each.split("=") for each in page.evaluate("location.search").strip("?").split("&"))
    assert set(words) == {"tab", "since", "until"} and "T" not in words["since"] + words["until"]
    assert words["since"] < words["until"]
    page.go_back()
    expect(usual).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("location.search") == "?tab=failures&window=7-days"
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_link_to_the_page_that_it_stands_on_changes_the_address(page: Page, address: str) -> None:
    opened(page, f"{address}/issues?tab=failures")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Issues").click()
    page.wait_for_function("location.search === ''")
    expect(page.get_by_role("tab", name="By cause")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("tab", name="Failures over time")).to_have_attribute("aria-selected", "true")
    assert page.evaluate("location.search") == "?tab=failures"
    opened(page, f"{address}/people?search=ada")
    page.get_by_test_id("stSidebar").get_by_role("link", name="People").click()
    page.wait_for_function("location.search === ''")
    expect(page.get_by_test_id("stMain").get_by_role("textbox").first).to_have_value("")


def test_what_takes_a_moment_has_a_placeholder_until_it_is_drawn(page: Page, address: str) -> None:
    opened(page, f"{address}/access")
    # Whether the browser draws it for a moment is chance; that it was there, and below what was drawn, is not.
    page.evaluate(
        """() => {
            window.held = [];
            new MutationObserver(changes => changes.forEach(change => change.addedNodes.forEach(node => {
                const held = node.querySelector?.('.stSkeleton') ?? node.closest?.('.stSkeleton');
                if (held) window.held.push(getComputedStyle(held).animationDelay);
            }))).observe(document.body, {subtree: true, childList: true});
        }"""
    )
    page.get_by_test_id("stSidebar").get_by_role("link", name="Issues").click()
    expect(page.get_by_role("heading", level=1, name="Issues")).to_be_visible()
    page.wait_for_function("window.held.length > 0")
    expect(page.locator(".stSkeleton")).to_have_count(0)
    assert set(page.evaluate("window.held")) == {"0.3s"}


def test_back_undoes_what_a_switch_put_into_the_address(page: Page, address: str) -> None:
    opened(page, f"{address}/issues?tab=failures")
    page.get_by_test_id("stButtonGroup").get_by_text("Step").click()
    page.wait_for_function("location.search === '?tab=failures&by=step'")
    page.go_back()
    chosen = page.get_by_role("radio", name="Error code")
    expect(chosen).to_have_attribute("aria-checked", "true", timeout=WAIT_MS)
    assert page.evaluate("location.search") == "?tab=failures"


def test_the_bar_moves_when_rows_arrive_while_what_is_read_stays(page: Page, moving: tuple[str, Given]) -> None:
    address, given = moving
    page.set_viewport_size({"width": 1280, "height": 400})
    opened(page, f"{address}/apps?tab=cycles")
    expect(page.get_by_text("12 of about 30").first).to_be_attached(timeout=WAIT_MS)
    read = page.get_by_role("heading", name="Cycle history")
    read.scroll_into_view_if_needed(timeout=WAIT_MS)
    before = page.get_by_test_id("stMain").evaluate("each => each.scrollTop")
    assert before > 0
    given.succeeded("ada", 13, 14, 13, cycle_id="first")
    given.stored()
    expect(page.get_by_text("13 of about 30").first).to_be_attached(timeout=WAIT_MS)
    expect(page.get_by_text("12 of about 30")).to_have_count(0)
    # What is read stays where it was, though newer data is offered above it.
    assert page.get_by_test_id("stMain").evaluate("each => each.scrollTop") >= before
    expect(read).to_be_in_viewport()
    assert page.evaluate("location.search") == "?tab=cycles"


def test_the_page_asks_nothing_of_other_machines(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, f"{address}/issues?tab=failures")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=WAIT_MS)
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_a_dropped_file_is_loaded_and_its_result_said(page: Page, address: str) -> None:
    opened(page, f"{address}/sources")
    lines = b'{"broken\n'
    page.locator("input[type=file]").set_input_files([{"name": "note.json", "mimeType": "text/plain", "buffer": lines}])
    expect(page.get_by_text(re.compile(r"^note.json:")).first).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)
