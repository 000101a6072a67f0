"""Pages drawn through the real navigation, and what stands on them."""

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from views.frame.state import Key

APP = Path(__file__).parents[2] / "views" / "app.py"
FIRST = "overview.py"


def app(page: str = FIRST, **words: str) -> AppTest:
    """Opens a page as an address with these words would."""
    test = AppTest.from_file(str(APP), default_timeout=120)
    for word, value in words.items():
        test.query_params[word] = value
    return (test if page == FIRST else test.switch_page(page)).run()


def with_sql(test: AppTest, *questions: str) -> AppTest:
    """Opens the SQL of questions that are shown together."""
    test.session_state[Key.SQL.of(*questions)] = True
    return healthy(test.run())


def healthy(test: AppTest) -> AppTest:
    """Holds a page to have drawn without an exception."""
    assert [error.message for error in test.exception] == []
    return test


def text(test: AppTest) -> str:
    """Returns all the words of a page."""
    kinds = ("markdown", "caption", "error", "success", "warning", "info", "header", "subheader", "code", "text")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(test, kind))


def table(test: AppTest, column: str) -> Any:
    """Returns the first table that has a column."""
    return next(frame.value for frame in test.dataframe if column in frame.value.columns)
