"""The page Ingestion."""

import pytest

from tests.support.pages import app, healthy, table, text


@pytest.mark.usefixtures("tenant")
def test_ingestion_accounts_for_every_line() -> None:
    test = healthy(app("sources"))
    assert "**1 file with 9 lines: 8 kept, 0 duplicates, 1 reject.**" in text(test)
    assert list(table(test, "text")["text"]) == ["<b>{</b>"]
    assert "Nobody runs the beats" in text(test)
