"""Pages drawn through the real navigation, and what stands on them."""

from functools import cache
from pathlib import Path
from typing import Any

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from views.frame.places import FIRST, PLACES
from views.frame.state import QUESTIONS

APP = Path(__file__).parents[2] / "views" / "app.py"

# Each AppTest looks through all installed packages for components of Streamlit: 0.4 s of processor time for one answer.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def app(place: str = "home", **words: str) -> AppTest:
    """Opens a place as an address with these words would."""
    target = PLACES[place]
    test = AppTest.from_file(str(APP), default_timeout=120)
    for word, value in (target.words | words).items():
        test.query_params[word] = value
    return (test if target.file == FIRST else test.switch_page(target.file)).run()


def questions(test: AppTest) -> dict[str, Any]:
    """Returns the questions that a page asked, by name, with the values that they were asked with."""
    return {query.name: values for query, values in test.session_state[QUESTIONS.name]}


def healthy(test: AppTest) -> AppTest:
    """Holds a page to have drawn without an exception."""
    assert [error.message for error in test.exception] == []
    return test


def text(test: AppTest) -> str:
    """Returns all the words of a page."""
    kinds = (
        "title",
        "markdown",
        "caption",
        "error",
        "success",
        "warning",
        "info",
        "header",
        "subheader",
        "code",
        "text",
    )
    return "\n".join(str(element.value) for kind in kinds for element in getattr(test, kind))


def table(test: AppTest, column: str) -> Any:
    """Returns the first table that has a column."""
    return next(frame.value for frame in test.dataframe if column in frame.value.columns)
