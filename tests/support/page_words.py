"""Every word that a page shows: sentences, headings, labels, options, help and the heads of columns."""

import json
import re
from collections.abc import Iterator

from streamlit.testing.v1 import AppTest

from tests.docs.test_words import QUESTION, words_of

SENTENCES = ("title", "header", "subheader", "markdown", "caption", "error", "success", "warning", "info")
MARKUP = re.compile(r":(?:\w+-)?(?:badge|small|red|orange|green|blue|gray|material/\w+:?)\[?|:material/\w+:|\\|[\[\]*]")
PLACEHOLDER = re.compile(r"\{\w*\}|^None$|\bNone (?!of\b)|\bnan\b|\bNaT\b|<NA>")
ENUM = re.compile(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+){2,}\b")
"An error code or a reason as Graph spells it."


def shown_text(text: object) -> str:
    """Returns a text as it is read, without markup."""
    return " ".join(MARKUP.sub(" ", str(text or "").replace("\\", "")).split())


def sentences(test: AppTest) -> Iterator[str]:
    """Yields the sentences of a page."""
    for kind in SENTENCES:
        for element in test.get(kind):
            yield str(element.value)


def labels(test: AppTest) -> Iterator[str]:
    """Yields the labels, options and help of what can be used, and the heads of columns."""
    for element in test.main:
        proto = element.proto
        for name in ("label", "help", "placeholder", "body", "delta"):
            if isinstance(text := getattr(proto, name, None), str):
                yield text
        yield from (str(option) for option in getattr(proto, "options", ()) if isinstance(option, str))
    for grid in test.dataframe:
        for column in json.loads(grid.proto.columns or "{}").values():
            yield from (str(column[name]) for name in ("label", "help") if column.get(name))


def faults_of_words(test: AppTest) -> list[str]:
    """Returns each text of a page with a refused word, a placeholder or a code of Graph, and headings that ask."""
    headings = [shown_text(each.value) for kind in ("title", "header", "subheader") for each in test.get(kind)]
    faults = [f"heading is a question: {text}" for text in headings if QUESTION.search(text)]
    faults += [f"backtick in a heading: {text}" for text in headings if "`" in text]
    for text in sentences(test):
        seen = shown_text(text)
        if found := ENUM.findall(re.sub(r"`[^`]*`", "", seen)):
            faults.append(f"{', '.join(found)}: {seen}")
    for text in (*sentences(test), *labels(test)):
        seen = shown_text(text)
        # A name by itself is one of a table or a column, which analysts are promised.
        if not re.fullmatch(r"[a-z_]+", seen) and (found := sorted(words_of(seen))):
            faults.append(f"{', '.join(found)}: {seen}")
        if found := PLACEHOLDER.findall(seen):
            faults.append(f"{', '.join(found)}: {seen}")
    return sorted(set(faults))
