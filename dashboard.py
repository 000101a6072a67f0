"""Serves `streamlit run dashboard.py`: the pages, the background jobs that run beside them, /healthz and /metrics.

The background jobs start with the server, so they do not depend on an open page.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio.to_thread
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route

from pipeline.config.errors import ProvisioningError, SettingsError, StoreError
from pipeline.config.settings import read_settings
from pipeline.config.wording import iso
from pipeline.monitoring.metrics import TYPE, metrics
from pipeline.monitoring.troubles import STOPPED, explained, troubles
from pipeline.rules.verdict import verdict
from pipeline.rules.verdict_facts import read_facts
from pipeline.rules.verdict_text import summary_of
from pipeline.scheduler.scheduler import Standby
from pipeline.store.leader import current_leader
from views.frame.assets import Assets
from views.frame.data import store
from views.frame.downloads import export_file
from views.frame.places import MOVED, PLACES, moved
from views.frame.viewer import ViewerCookie


@asynccontextmanager
async def background_jobs(_app: st.App) -> AsyncIterator[None]:
    """Runs the background jobs as long as the server runs, if it may, unless and until another process has them."""
    try:
        settings = read_settings()
    except SettingsError:
        # The pages show what is wrong with the setting, in a sentence.
        settings = None
    if settings is None or not settings.beats:
        yield
        return
    standby = Standby(settings, "dashboard").start()
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(standby.stop)


async def healthz(_request: Request) -> JSONResponse:
    """Answers 200 with the store's revision and its jobs, or 503 with the reason: also when nothing new is read."""
    try:
        answer = await anyio.to_thread.run_sync(health)
        return JSONResponse(answer, status_code=200 if answer["status"] == "ok" else 503)
    except ProvisioningError as error:
        return JSONResponse({"status": "failed", "reason": reason_of(error)}, status_code=503)


async def prometheus(_request: Request) -> PlainTextResponse:
    """Answers with Prometheus's text, or 503 with the reason in a sentence."""
    try:
        text = await anyio.to_thread.run_sync(lambda: metrics(store()))
        return PlainTextResponse(text, media_type=TYPE)
    except ProvisioningError as error:
        return PlainTextResponse(f"{reason_of(error)}\n", status_code=503)


def reason_of(error: ProvisioningError) -> str:
    """Explains an error in a sentence; a full disk comes first."""
    return explained(read_settings(), error) if isinstance(error, StoreError) else str(error)


async def moved_page(request: Request) -> RedirectResponse:
    """Leads an address of before to the place that shows now what it showed, with the same filters."""
    base = request.scope.get("root_path", "") or base_path()
    old = request.url.path.rpartition("/")[2]
    return RedirectResponse(f"{base}{moved(old, request.query_params.multi_items())}", status_code=308)


def base_path() -> str:
    """Returns the path below which Streamlit serves, as an address begins."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""


def health() -> dict[str, Any]:
    """Collects what a monitor asks for: whether data comes, and the verdict that the pages show."""
    lake = store()
    running = current_leader(lake.settings)
    beats = lake.rows("select job, ended_at, outcome from background_jobs order by job")
    stopped = [trouble.sentence for trouble in troubles(lake, datetime.now(UTC)) if trouble.kind in STOPPED]
    return {
        "status": "failed" if stopped else "ok",
        "revision": lake.revision(),
        "runs_beats": running is not None and running.pid == os.getpid(),
        "beats": [
            {"beat": beat, "ended_at": ended_at and iso(ended_at), "outcome": outcome}
            for beat, ended_at, outcome in beats
        ],
        "verdict": summary_of(verdict(read_facts(lake))),
        **({"reason": " ".join(stopped)} if stopped else {}),
    }


app = st.App(
    "views/app.py",
    lifespan=background_jobs,
    routes=[
        Route("/healthz", healthz),
        Route("/metrics", prometheus),
        Route(f"{base_path()}/exports/{{ticket}}/{{name}}", export_file),
        *(Route(f"{base_path()}/{old}", moved_page) for old in MOVED if old not in PLACES or old != PLACES[old].path),
    ],
    middleware=[Middleware(Assets), Middleware(ViewerCookie)],
)
