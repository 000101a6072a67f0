"""Addresses and marks in names and reasons are shown as they are: no page makes a link or a format of them."""

import re
from collections.abc import Sequence

import pytest

from pipeline.store.lake import Store
from tests.support.given import Given, moment
from tests.support.pages import app, healthy
from views.app import PAGES
from views.frame.look import plain

HOSTILE = (
    "https://evil.example/a **b** [x](https://evil.example) www.evil.example HTTP://EVIL.example "
    "<https://evil.example> {}"
)
KINDS = ("markdown", "caption", "error", "success", "warning", "info", "header", "subheader", "title")
LINKED = re.compile(r"(?i)https?://evil|www\.evil|(?<!\\)\]\(https?:\\?/?/?evil|\*\*b\*\*")
"What becomes a link, or bold: Streamlit makes a link of an address in spite of escapes."
USUAL = ("overview.py", "quarantine.py", "issues.py")
"Pages that have most of them."
CODE = re.compile(r"`[^`]*`")


def test_an_address_is_no_link_in_escaped_text() -> None:
    escaped = plain(HOSTILE)
    unescaped = re.sub(r"\\(.)", r"\1", escaped)
    assert not re.search(r"(?i)https?://|www\.", unescaped) and "[x](" not in escaped and "**" not in escaped
    assert unescaped.replace("\u2060", "") == HOSTILE


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


@pytest.mark.parametrize("pages", [USUAL, pytest.param(PAGES, marks=pytest.mark.deep)], ids=["usual", "all"])
@pytest.mark.usefixtures("hostile")
def test_no_page_makes_a_link_or_a_format_of_what_a_log_says(pages: Sequence[str]) -> None:
    found, named = [], 0
    for page, words in [*((page, {}) for page in pages), ("people.py", {"object": "id-ada0"})]:
        test = healthy(app(page, **words))
        values = [str(element.value) for kind in KINDS for element in getattr(test, kind)]
        values += [str(block.label) for block in (*test.expander, *test.metric, *test.radio)]
        named += any("evil" in value for value in values)
        for value in values:
            shown = re.sub(r"\\([.:/\-_])", r"\1", CODE.sub("", value))
            found += [(page, value)] if LINKED.search(shown) else []
    assert found == [] and named >= 3
