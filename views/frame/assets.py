"""Files of the program that browsers load: Streamlit's and Plotly's, compressed once and kept in memory.

Streamlit sends its own files as they are, since it would compress them anew for every browser: 3 to 4 MB of script a
page, a third of it when compressed. Their names change with their content, so a browser asks for each once.
"""

from functools import cache
from gzip import compress
from mimetypes import guess_type
from pathlib import Path

import anyio.to_thread
import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAMLIT = Path(st.__file__).parent / "static" / "static"
OURS = Path(__file__).parents[1] / "assets"
COMPRESSED = {".js", ".css", ".svg"}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


AHEAD = ("DataFrame.*.js", "arrowFormatUtils.*.js", "BidiComponent.*.js", "plotly-*.js")
"""What every page needs as soon as its first table or chart comes, by name: the browser begins to load these with the
page itself, not when it has drawn what stands above."""


class Assets:
    """Answers what asks for a file of the program, and names with a page what it is going to ask for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        base = str(st.get_option("server.baseUrlPath") or "").strip("/")
        start = f"/{base}" if base else ""
        # No other file can be named.
        self.files = listed(f"{start}/assets", OURS) | listed(f"{start}/static", STREAMLIT)
        self.ahead = ", ".join(
            f"<{path}>; rel={'preload; as=script' if file.is_relative_to(OURS) else 'modulepreload'}"
            for path, file in self.files.items()
            if any(file.match(name) for name in AHEAD)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        file = self.files.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if file is None:
            await self.app(scope, receive, self.naming(send) if scope["type"] == "http" else send)
            return
        answer: Response = FileResponse(file, headers=FOREVER)
        if file.suffix in COMPRESSED and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            content = await anyio.to_thread.run_sync(compressed, file)
            answer = Response(content, headers=FOREVER | {"Content-Encoding": "gzip"}, media_type=media_type(file))
        await answer(scope, receive, send)

    def naming(self, send: Send) -> Send:
        """Adds to a page's own document what the browser may load ahead."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("Link", self.ahead)
            await send(message)

        return sent


def listed(path: str, folder: Path) -> dict[str, Path]:
    """Returns the files that a folder holds now, each by the path that it is asked for by."""
    return {f"{path}/{file.relative_to(folder)}": file for file in folder.rglob("*") if file.is_file()}


def media_type(file: Path) -> str | None:
    """Returns what kind of file it is."""
    return guess_type(file.name)[0]


@cache
def compressed(file: Path) -> bytes:
    """Returns a file's compressed bytes."""
    return compress(file.read_bytes(), 6)
