"""The one table: what is shown of rows, and which of them is selected."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from views.frame.table import selected_row

ROWS = pd.DataFrame({"app": ["Cerby", "Zoom"], "share": [0.5, None]})


@pytest.mark.parametrize(("places", "app"), [([], None), ([1], "Zoom"), ([7], None)])
def test_the_selected_row_is_the_one_that_is_still_there(places: list[int], app: str | None) -> None:
    row = selected_row(ROWS, {"selection": {"rows": places}})
    assert (row and row["app"]) == app


def drawn() -> None:
    """A page of nothing but a table."""
    import pandas as pd
    import streamlit as st

    from views.frame.state import Key
    from views.frame.table import share_column, table, text_column

    rows = pd.DataFrame({"app": ["Cerby"], "share": [None], "hidden": [1]})
    row = table(rows, {"app": text_column("App"), "share": share_column("Share")}, Key.FLEET, select=True)
    st.write("nothing selected" if row is None else row)


def test_a_table_shows_its_columns_in_order_and_a_blank_for_what_is_missing() -> None:
    test = AppTest.from_function(drawn).run()
    assert not test.exception
    [grid] = test.dataframe
    assert list(grid.proto.column_order) == ["app", "share"]
    assert grid.proto.placeholder == "–"
    assert test.markdown[0].value == "nothing selected"
