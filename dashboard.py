"""What `streamlit run dashboard.py` serves: the pages, the beats that run beside them, and /healthz.

The beats start with the server, so they do not depend on anybody looking.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from pipeline.lease import holder
from pipeline.schedule import Standby
from pipeline.settings import SettingsError, read_settings
from pipeline.store import StoreError
from views._frame import store


@asynccontextmanager
async def beating(_app: st.App) -> AsyncIterator[None]:
    """Runs the beats for as long as the server runs, unless and until another process has them."""
    try:
        standby = Standby(read_settings(), "dashboard").start()
    except SettingsError:
        # The pages say what is wrong with the setting, in a sentence.
        yield
        return
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(standby.stop)


async def healthz(_request: Request) -> JSONResponse:
    """Answers 200 with the store's revision and its beats, or 503 with the reason."""
    try:
        return JSONResponse(await anyio.to_thread.run_sync(health))
    except (StoreError, SettingsError) as error:
        return JSONResponse({"status": "failed", "reason": str(error)}, status_code=503)


def health() -> dict[str, Any]:
    """Gives what a monitor asks for."""
    lake = store()
    running = holder(lake.settings)
    beats = lake.rows("select beat, ended_at, outcome from beats order by beat")
    return {
        "status": "ok",
        "revision": lake.revision(),
        "runs_beats": running is not None and running.pid == os.getpid(),
        "beats": [
            {"beat": beat, "ended_at": f"{ended_at.isoformat()}Z", "outcome": outcome}
            for beat, ended_at, outcome in beats
        ],
    }


app = st.App("views/_app.py", lifespan=beating, routes=[Route("/healthz", healthz)])
