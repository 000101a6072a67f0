"""Addresses and marks in names and reasons are shown as they are: no page makes a link or a format of them."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import plotly.io
import pytest

from pipeline.rules.evaluate import check
from pipeline.rules.incidents import open_incidents
from pipeline.rules.rule import find_rule
from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.pages import app, healthy
from views.frame.chart import drawn_once
from views.frame.look import APART, plain
from views.frame.places import PLACES

HOSTILE = (
    "https://evil.example/a **b** [x](https://evil.example) www.evil.example HTTP://EVIL.example "
    "<https://evil.example> {}"
)
KINDS = ("markdown", "caption", "error", "success", "warning", "info", "header", "subheader", "title")
LINKED = re.compile(r"(?i)https?://evil|www\.evil|(?<!\\)\]\(https?:\\?/?/?evil|\*\*b\*\*")
"What becomes a link, or bold: Streamlit makes a link of an address in spite of escapes."
USUAL = ("home", "apps", "issues")
"Places that have most of them."
CODE = re.compile(r"`[^`]*`")


def test_an_address_is_no_link_in_escaped_text() -> None:
    escaped = plain(HOSTILE)
    unescaped = re.sub(r"\\(.)", r"\1", escaped)
    assert (
        not re.search(r"(?i)https?://|www\.", unescaped)
        and "\u2060" not in escaped
        and "[x](" not in escaped
        and "**" not in escaped
    )
    assert unescaped.replace(APART, "") == HOSTILE
    # An icon's name and an arrow would be drawn for what they stand for.
    assert [plain(name).count(APART) for name in (":material/home:", "a -> b", ":streamlit:", "a:b")] == [1, 1, 1, 0]


@pytest.fixture
def hostile(given: Given) -> Store:
    """A lake in which apps, people, codes and reasons have hostile names."""
    names = [HOSTILE.format(number) for number in range(3)]
    for hour, name in enumerate(names):
        more = {"source_name": name, "upn": f"{name}@evil.example", "reason": f"{name} said {name}", "error_code": name}
        given.failed(f"ada{hour}", day=13, hour=hour, app=names[0], **more)
        given.succeeded(f"ada{hour}", day=12, hour=hour, app=names[0], source_name=name)
    given.quarantined(names[0], day=13, hour=23, since=moment(12, 4, 40))
    return given.stored()


@pytest.mark.parametrize("places", [USUAL, pytest.param(PLACES, marks=pytest.mark.deep)], ids=["usual", "all"])
def test_no_page_makes_a_link_or_a_format_of_what_a_log_says(
    places: Iterable[str], hostile: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Any] = []
    write = plotly.io.to_json
    monkeypatch.setattr(plotly.io, "to_json", lambda figure, **how: figures.append(figure) or write(figure, **how))
    drawn_once.clear()
    check(hostile, moment(13, 23, 5), overrides={}, chosen=[find_rule("quarantined")])
    [(issue,)] = hostile.rows("select min(fingerprint) from problems")
    panels = [
        ("people", {"object": "id-ada0"}),
        ("people", {"object": "id-ada0", "view": "history"}),
        ("issues", {"incident": open_incidents(hostile)[0].incident_id}),
        ("issues", {"issue": issue}),
        ("failures", {"code": HOSTILE.format(0)}),
    ]
    found, named = [], 0
    for place, words in [*((place, {}) for place in places), *panels]:
        test = healthy(app(place, **words))
        values = [str(element.value) for kind in KINDS for element in getattr(test, kind)]
        values += [str(block.label) for block in (*test.expander, *test.metric, *test.radio)]
        values += [str(one.proto.label) for one in test.get("page_link")]
        named += any("evil" in value for value in values)
        for value in values:
            shown = re.sub(r"\\([.:/\-_])", r"\1", CODE.sub("", value))
            found += [(place, value)] if LINKED.search(shown) else []
    assert found == [] and named >= 3 + len(panels)
    texts = [text for figure in figures for text in texts_of(figure.to_plotly_json())]
    assert [text for text in texts if "<https" in text] == [] and any("&lt;https" in text for text in texts)


UNDRAWN = ("customdata", "y", "categoryarray", "tickvals")


def texts_of(part: Any) -> Iterator[str]:
    """Yields the texts that a figure draws: not what a mark carries along, nor categories, whose labels are drawn."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield from texts_of(value) if name not in UNDRAWN else ()
    elif isinstance(part, str):
        yield part
    elif isinstance(part, (list, tuple, np.ndarray)):
        for value in part:
            yield from texts_of(value)
