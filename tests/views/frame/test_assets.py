"""The program's own files come compressed and are kept by browsers; nothing else of the disk can be asked for."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from views.frame.assets import OURS, STREAMLIT, Assets


def answer_to(path: str, **headers: str) -> httpx.Response:
    """Asks an app for a path that answers whatever reaches it."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(Assets(PlainTextResponse("the app")))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(asked())


def test_a_script_comes_compressed_where_the_browser_takes_it() -> None:
    script = next(STREAMLIT.glob("js/index.*.js"))
    answer = answer_to(f"/static/js/{script.name}")
    assert answer.headers["content-encoding"] == "gzip" and "immutable" in answer.headers["cache-control"]
    assert int(answer.headers["content-length"]) < script.stat().st_size / 2
    assert answer.content == script.read_bytes()
    plain = answer_to(f"/static/js/{script.name}", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.content == script.read_bytes()


def test_plotly_s_bundle_is_there_under_the_name_that_the_chart_asks_for() -> None:
    name = (OURS / "chart.js").read_text().split('BUNDLE = "')[1].split('"')[0]
    answer = answer_to(f"/{name}")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/", "/static/js/none.js", "/assets/../chart.py", "/assets/%2e%2e/frame/chart.py"])
def test_everything_else_is_asked_of_the_app(path: str) -> None:
    assert answer_to(path).text == "the app"
