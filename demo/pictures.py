"""python -m demo.pictures: makes the pictures of README and docs, and a silent recording, from the sample tenant.

The dashboard is served from a store of its own in a temporary folder, whose tenant ends now, and looked at by a real
chromium. Needs what tests need: requirements-dev.lock and chromium.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

DOCS = Path(__file__).parents[1] / "docs"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SIZE = {"width": 1440, "height": 900}
FRAME_MS = 500
SECONDS = 40
WIDTH = 960
"Of the recording, in pixels."
WAIT_MS = 60_000


@contextmanager
def served() -> Iterator[str]:
    """Serves the dashboard with the sample tenant until now, and yields its address."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        settings = {
            "PROVISIONING_STORE": f"ducklake:sqlite:{folder}/catalog.sqlite",
            "PROVISIONING_INBOX": f"{folder}/inbox",
        }
        environment = os.environ | settings
        sample = ("sample", f"{folder}/sample", "--users", "50", "--groups", "6", "--days", "14", "--until", "now")
        for words in ((*sample, "--load"), ("check",)):
            # 1 is: done, with rejects, or with open incidents, both of which the sample has.
            done = subprocess.run(
                [sys.executable, "-m", "pipeline", *words], env=environment, stdout=subprocess.DEVNULL
            )
            if done.returncode not in (0, 1):
                sys.exit(f"python -m pipeline {words[0]} ended with {done.returncode}; its message is above.")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.port", str(port)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as app:
            assert app.stdout is not None
            if not any("URL:" in line for line in app.stdout):
                sys.exit("The dashboard did not start; its message is above.")
            try:
                yield f"http://localhost:{port}"
            finally:
                app.terminate()


def settle(page: Page) -> None:
    """Waits until the page is drawn."""
    page.wait_for_selector("h1")
    page.wait_for_timeout(500)
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")
    page.wait_for_timeout(500)


def take_picture(page: Page, address: str, name: str) -> None:
    """Opens an address and keeps what it shows as docs/NAME.png."""
    page.goto(address)
    settle(page)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(DOCS / f"{name}.png", optimize=True)
    print(f"docs/{name}.png", flush=True)


class Recording:
    """Pictures of a page in the order of time, each shown for half a second."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []

    def watch(self, frames: int) -> None:
        """Keeps what the page shows, so many times."""
        for _ in range(frames):
            picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
            self.frames.append(
                picture.resize((WIDTH, WIDTH * SIZE["height"] // SIZE["width"]), Image.Resampling.LANCZOS)
            )
            self.page.wait_for_timeout(FRAME_MS)

    def act(self, action: Callable[[], object], frames: int) -> None:
        """Does something, and keeps what follows."""
        action()
        settle(self.page)
        self.watch(frames)

    def save(self, file: Path) -> None:
        """Writes the pictures as one that moves, for as long as forty seconds."""
        frames = [frame.quantize(128, dither=Image.Dither.NONE) for frame in self.frames[: SECONDS * 1000 // FRAME_MS]]
        frames[0].save(file, save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, optimize=True)


def record(page: Page, address: str, file: Path) -> None:
    """Records what an administrator does in a morning: the cause, the steps, one user, one question."""
    page.goto(address)
    settle(page)
    recording = Recording(page)
    recording.watch(12)
    recording.act(lambda: page.goto(f"{address}/apps?job=Cerby"), 12)
    recording.act(lambda: page.get_by_role("tab", name="Cycles").click(), 10)
    recording.act(lambda: page.get_by_role("link", name="People").first.click(), 8)
    page.keyboard.press("/")
    page.keyboard.type("yusuf.sorby", delay=60)
    recording.act(lambda: page.keyboard.press("Enter"), 6)
    found = page.get_by_role("dialog").get_by_role("link").first
    expect(found).to_be_visible(timeout=WAIT_MS)
    recording.act(found.click, 12)
    recording.act(lambda: page.keyboard.press("Escape"), 2)
    recording.act(lambda: page.get_by_role("link", name="Leavers").first.click(), 10)
    recording.act(lambda: page.get_by_role("link", name="Issues").first.click(), 8)
    recording.save(file)
    print(f"docs/{file.name}: {len(recording.frames)} pictures, {file.stat().st_size / 2**20:.1f} MB", flush=True)


def main() -> None:
    """Makes every picture."""
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": SIZE["width"], "height": SIZE["height"]}, color_scheme="light")
        page.set_default_timeout(WAIT_MS)
        take_picture(page, address, "home")
        take_picture(page, f"{address}/apps?job=Cerby", "app")
        page.goto(f"{address}/people?search=yusuf.sorby")
        settle(page)
        take_picture(page, person_address(page, address), "person")
        record(page, address, DOCS / "morning.gif")
        browser.close()


def person_address(page: Page, address: str) -> str:
    """Returns the address of the side panel of the user whom the page has found."""
    grid = page.get_by_test_id("stDataFrame").first
    expect(grid).to_be_visible(timeout=WAIT_MS)
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 110, box["y"] + 55)
    expect(page.get_by_role("dialog")).to_be_visible(timeout=WAIT_MS)
    return f"{address}/people{page.evaluate('location.search')}"


if __name__ == "__main__":
    main()
