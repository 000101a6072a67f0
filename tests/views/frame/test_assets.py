"""The program's own files come compressed and are kept by browsers; nothing else of the disk can be asked for."""

import asyncio

import httpx
import pytest
from starlette.responses import HTMLResponse, PlainTextResponse

from views.frame.assets import OURS, STREAMLIT, Assets

APP = Assets(PlainTextResponse("the app"))
"The files before an app that answers whatever reaches it."


def answer_to(path: str, app: Assets = APP, **headers: str) -> httpx.Response:
    """Asks an app for a path."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
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


def test_a_page_names_what_it_will_ask_for_and_each_of_it_is_there() -> None:
    page = Assets(HTMLResponse("<html></html>"))
    named = answer_to("/overview", page).headers["link"].split(", ")
    assert len(named) >= 4 and any("DataFrame" in one for one in named) and any("plotly-" in one for one in named)
    for one in named:
        assert answer_to(one[one.index("<") + 1 : one.index(">")]).headers["content-encoding"] == "gzip"
    assert "link" not in answer_to("/healthz").headers


@pytest.mark.parametrize("path", ["/", "/static/js/none.js", "/assets/../chart.py", "/assets/%2e%2e/frame/chart.py"])
def test_everything_else_is_asked_of_the_app(path: str) -> None:
    assert answer_to(path).text == "the app"
