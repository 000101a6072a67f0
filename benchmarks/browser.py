"""How long until a page is drawn in a browser, and what it loads, against an empty Streamlit app in the same run?

Run: python benchmarks/browser.py [--store CATALOG] [--times 3] [--pages home people] [--clicks 9]. Needs chromium and
the packages of requirements-dev.txt. Each page is drawn once beforehand, so that the server remembers its answers; then
each is opened in a browser that remembers nothing, and again in one that has the program's files. A page has answered
when its first sentence below the header is on the screen, and is drawn when nothing on it has moved for a second.
Then links of the sidebar are clicked in turn, from Home to a page and back, after one round that is not counted: how
long until the title and the first sentence of the page clicked on are on the screen, and until it is drawn whole.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from served import sample_store, served  # noqa: E402
from wanted import print_wanted  # noqa: E402

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
CLICKED = ("Apps", "People", "Leavers", "Issues")
CLICK_MS = 300.0
"Within how many milliseconds of a click the first sentence of a page is to be on the screen."
TIMES_EMPTY = 1.5
"How many times as long as an empty app a page may take until it is drawn."
EMPTY = "import streamlit as st\n\nst.markdown('Nothing')\n"
WATCH = """
window.seen = {last: 0, sentence: 0};
const answered = () => {
    const header = document.querySelector('.st-key-header');
    const words = [...document.querySelectorAll('[data-testid=stMarkdown], [data-testid=stAlert]')];
    return words.some(each => each.offsetHeight && (window.empty || header && !header.contains(each)
        && !each.closest('.st-key-moving-header')
        && header.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING));
};
const frame = '[data-testid=stHeader], [data-testid=stStatusWidget], [data-testid=stToolbar], head';
new MutationObserver(changes => {
    // The sign of a running script, which every refresh of the freshness line shows again, is not of the page.
    if (!changes.some(each => !(each.target.closest ?? (() => 0)).call(each.target, frame))) return;
    window.seen.last = performance.now();
    if (!window.seen.sentence && answered()) window.seen.sentence = performance.now();
}).observe(document, {subtree: true, childList: true, characterData: true});
"""
STILL = """() => window.seen.sentence && performance.now() - window.seen.last > 1000
    && !document.querySelector('[data-testid=stSkeleton]')"""


CLICK = """title => new Promise(done => {
    const began = performance.now(), seen = {};
    const fresh = each => each.offsetHeight && !each.closest('[data-stale=true]') && each.innerText.trim();
    const words = '[data-testid=stMain] [data-testid=stMarkdown], [data-testid=stMain] [data-testid=stAlert]';
    const below = (each, header) => !header.contains(each) && !each.closest('.st-key-moving-header')
        && header.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING;
    const look = () => {
        const now = performance.now() - began;
        const header = document.querySelector('.st-key-header');
        const named = [...document.querySelectorAll('h1')].some(each => each.innerText.trim() === title);
        if (named) seen.title ??= now;
        if (named && header && [...document.querySelectorAll(words)].some(each => fresh(each) && below(each, header)))
            seen.sentence ??= now;
        const app = document.querySelector('[data-testid=stApp]');
        if (seen.sentence && app.dataset.testScriptState === 'notRunning') done({...seen, whole: now});
        else requestAnimationFrame(look);
    };
    [...document.querySelectorAll('[data-testid=stSidebar] a')].find(each => each.innerText.endsWith(title)).click();
    requestAnimationFrame(look);
})"""


class Opened(NamedTuple):
    """One opening: the seconds until the first sentence and until all is drawn; the script's bytes, sent and whole."""

    answered: float
    drawn: float
    sent: float
    script: float


def main() -> None:
    """Serves the dashboard and an empty app, opens both in turn, and prints what each page took."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--store", help="the catalog of a store that is there; a sample tenant's when not given")
    words.add_argument("--times", type=int, default=3, help="openings of each page; 0 for none")
    words.add_argument("--clicks", type=int, default=9, help="clicks on each link; 0 for none")
    words.add_argument("--pages", nargs="*", help="names of pages; all when not given")
    given = words.parse_args()
    from views.frame.places import PLACES

    names = given.pages or list(PLACES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = given.store or sample_store(folder)
        script = folder / "empty.py"
        script.write_text(EMPTY, encoding="utf-8")
        with served(script) as (empty, _), served(ROOT / "dashboard.py", f"ducklake:sqlite:{store}") as (app, _):
            places = [(name, PLACES[name]) for name in names]
            addresses = [
                (name, f"{app}/{place.path}{f'?tab={place.tab}' if place.tab else ''}") for name, place in places
            ]
            if given.times:
                print_pages(*openings(empty, addresses, given.times))
            if given.clicks:
                print_clicks(clicks(app, given.clicks))


Openings = dict[str, tuple[list[Opened], list[Opened]]]
"Each page's openings: by a browser that remembers nothing, and by one that has the program's files."


def openings(empty: str, pages: list[tuple[str, str]], times: int) -> tuple[Openings, Openings]:
    """Opens the empty app before each page, so that both have the same share of a busy machine."""
    empties: Openings = {}
    found: Openings = {}
    with chromium() as browser:
        for _, address in pages:
            opened_twice(browser, address)
        for name, address in pages:
            for _ in range(times):
                for places, where in ((empties, empty), (found, address)):
                    cold, warm = opened_twice(browser, where, is_empty=where == empty)
                    firsts, seconds = places.setdefault(name, ([], []))
                    firsts.append(cold)
                    seconds.append(warm)
    return empties, found


@contextmanager
def chromium() -> Iterator[Any]:
    """Starts a browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def opened_twice(browser: Any, address: str, is_empty: bool = False) -> tuple[Opened, Opened]:
    """Opens an address in a new profile of the browser, then once more in the same."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(f"window.empty = {str(is_empty).lower()};{WATCH}")
    both = opened(context, address), opened(context, address)
    context.close()
    return both


def opened(context: Any, address: str) -> Opened:
    """Opens an address in a tab and measures it by the page's own clock, which starts with the navigation."""
    page = context.new_page()
    kinds: dict[str, bool] = {}
    sizes = {"sent": 0.0, "whole": 0.0}
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.responseReceived", lambda each: kinds.update({each["requestId"]: each["type"] == "Script"}))

    def count(event: dict[str, Any], size: str, field: str) -> None:
        if kinds.get(event["requestId"]):
            sizes[size] += event[field]

    session.on("Network.dataReceived", lambda each: count(each, "whole", "dataLength"))
    session.on("Network.loadingFinished", lambda each: count(each, "sent", "encodedDataLength"))
    page.goto(address)
    page.wait_for_function(STILL, timeout=120_000, polling=200)
    seen = page.evaluate("window.seen")
    page.close()
    return Opened(seen["sentence"] / 1000, seen["last"] / 1000, sizes["sent"] / 1e6, sizes["whole"] / 1e6)


def clicks(address: str, times: int) -> dict[str, list[dict[str, float]]]:
    """Clicks from Home to each page and back, and returns by page what each click took, in milliseconds."""
    found: dict[str, list[dict[str, float]]] = {}
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_selector("h1")
        page.wait_for_timeout(3000)
        for number in range(times + 1):
            for title in (title for one in CLICKED for title in (one, "Home")):
                took = page.evaluate(CLICK, title)
                page.wait_for_timeout(500)
                if number:
                    found.setdefault(title, []).append(took)
    return found


def print_clicks(found: dict[str, list[dict[str, float]]]) -> None:
    """Prints how long after a click each page was there, and whether that is soon enough."""
    print("\n| page | title, ms | first sentence, ms | slowest | whole, ms |\n| --- | ---: | ---: | ---: | ---: |")
    middles = {title: {field: middle_of(each, field) for field in each[0]} for title, each in found.items()}
    for title, one in middles.items():
        slowest = max(each["sentence"] for each in found[title])
        print(f"| {title} | {one['title']:.0f} | {one['sentence']:.0f} | {slowest:.0f} | {one['whole']:.0f} |")
    worst = max(one["sentence"] for one in middles.values())
    print_wanted([("the slowest page, from a click to its first sentence", worst, CLICK_MS, " ms")])


def middle_of(each: list[dict[str, float]], field: str) -> float:
    """Returns the median of one measure of clicks."""
    return statistics.median(one[field] for one in each)


def print_pages(empties: Openings, found: Openings) -> None:
    """Prints each page beside the empty app of the same minute, and whether it is drawn soon enough."""
    print(
        "| page | answered | drawn | ÷ empty | again: answered | drawn | ÷ empty | script sent, MB | whole, MB |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    everything = [each for pair in empties.values() for each in pair[0]], [e for p in empties.values() for e in p[1]]
    print_row("(an empty app)", everything, everything)
    for name, pair in found.items():
        print_row(name, pair, empties[name])
    ratios = [[ratio(pair[place], empties[name][place]) for name, pair in found.items()] for place in (0, 1)]
    print_wanted(
        [
            ("the slowest page, drawn ÷ empty app, nothing in the browser", max(ratios[0]), TIMES_EMPTY, ""),
            ("the middle page, the same", statistics.median(ratios[0]), TIMES_EMPTY, ""),
            ("the slowest page, drawn ÷ empty app, files in the browser", max(ratios[1]), TIMES_EMPTY, ""),
            ("the middle page, the same", statistics.median(ratios[1]), TIMES_EMPTY, ""),
        ]
    )


def print_row(name: str, own: tuple[list[Opened], list[Opened]], floor: tuple[list[Opened], list[Opened]]) -> None:
    """Prints one page."""
    cells = [
        f"{middle(one, 'answered'):.2f} | {middle(one, 'drawn'):.2f} | {ratio(one, other):.2f}"
        for one, other in zip(own, floor, strict=True)
    ]
    print(f"| {name} | {' | '.join(cells)} | {middle(own[0], 'sent'):.1f} | {middle(own[0], 'script'):.1f} |")


def ratio(own: list[Opened], floor: list[Opened]) -> float:
    """Returns how many times as long as the empty app a page takes until it is drawn."""
    return middle(own, "drawn") / middle(floor, "drawn")


def middle(openings: list[Opened], field: str) -> float:
    """Returns the median of one measure."""
    return float(statistics.median(getattr(each, field) for each in openings))


if __name__ == "__main__":
    main()
