"""What `streamlit run dashboard.py` serves: the pages, the beats that run beside them, and /healthz.

The beats start with the server, so they do not depend on anybody looking.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio.to_thread
import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from pipeline.lease import holder
from pipeline.pulse import STOPPED, explained, troubles
from pipeline.schedule import Standby
from pipeline.settings import SettingsError, read_settings
from pipeline.store import StoreError
from views._frame import store


@asynccontextmanager
async def beating(_app: st.App) -> AsyncIterator[None]:
    """Runs the beats for as long as the server runs, if it may, unless and until another process has them."""
    try:
        settings = read_settings()
    except SettingsError:
        # The pages say what is wrong with the setting, in a sentence.
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
    """Answers 200 with the store's revision and its beats, or 503 with the reason: also when nothing new is read."""
    try:
        told = await anyio.to_thread.run_sync(health)
        return JSONResponse(told, status_code=200 if told["status"] == "ok" else 503)
    except StoreError as error:
        reason = explained(read_settings(), error)
    except SettingsError as error:
        reason = str(error)
    return JSONResponse({"status": "failed", "reason": reason}, status_code=503)


def health() -> dict[str, Any]:
    """Gives what a monitor asks for."""
    lake = store()
    running = holder(lake.settings)
    beats = lake.rows("select beat, ended_at, outcome from beats order by beat")
    stopped = [trouble.sentence for trouble in troubles(lake, datetime.now(UTC)) if trouble.kind in STOPPED]
    return {
        "status": "failed" if stopped else "ok",
        "revision": lake.revision(),
        "runs_beats": running is not None and running.pid == os.getpid(),
        "beats": [
            {"beat": beat, "ended_at": ended_at and f"{ended_at.isoformat()}Z", "outcome": outcome}
            for beat, ended_at, outcome in beats
        ],
        **({"reason": " ".join(stopped)} if stopped else {}),
    }


app = st.App("views/_app.py", lifespan=beating, routes=[Route("/healthz", healthz)])
