"""Kill the pipeline: within one interval every open page says so, and /healthz answers 503."""

import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from pipeline.config.settings import Settings
from pipeline.store.lake import Store
from tests.scheduler.test_scheduler import last_run, until
from tests.support.browser import CHROMIUM, QUIET, WAIT_MS, served
from tests.support.given import Given
from tests.support.lakes import command, ended

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason="there is no chromium on this machine"
)


@pytest.fixture
def address(store: Store, given: Given, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A dashboard that only shows."""
    monkeypatch.setenv("PROVISIONING_BEATS", "false")
    given.succeeded("ada")
    given.stored()
    yield from served(Path(settings.inbox).parent, settings.store)


def health(address: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_killed_pipeline_is_reported_by_the_page_until_it_runs_again(store: Store, address: str) -> None:
    assert health(address)[0] == 503
    watch = command("watch")
    until(lambda: last_run(store, "ingest") is not None, 120)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        said = page.get_by_text(re.compile("The pipeline has not run since"))
        try:
            expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=WAIT_MS)
            expect(said).to_have_count(0)
            assert health(address)[0] == 200
        finally:
            os.kill(watch.pid, signal.SIGKILL)
            ended(watch)
        expect(said).to_be_visible(timeout=WAIT_MS)
        code, told = health(address)
        assert (code, told["status"], told["runs_beats"]) == (503, "failed", False)
        assert told["reason"].startswith("The pipeline has not run since")
        if shots := os.environ.get("SHOTS"):
            page.screenshot(path=f"{shots}/killed.png")
        again = command("watch")
        try:
            expect(said).to_have_count(0, timeout=WAIT_MS)
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            expect(page.get_by_test_id("stException")).to_have_count(0)
        finally:
            again.send_signal(signal.SIGTERM)
            assert ended(again)[0] == 0
        browser.close()
