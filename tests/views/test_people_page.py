"""The page People: the list, its search and its filters."""

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.store.lake import Store
from tests.support.pages import APP, app, healthy, table, text


def test_people_are_counted_and_found(tenant: Store) -> None:
    test = healthy(app("people"))
    [(found,)] = tenant.rows("select count(*) from identities")
    assert (
        f"**{found} people and groups (over all apps; who is in two apps counts twice): 5 in sync, 1 failing.**"
        in text(test)
    )
    test.text_input(key="search").set_value("ADA@").run()
    assert list(table(healthy(test), "success_share")["app_name"]) == ["Zoom", "Cerby"]
    test.text_input(key="search").set_value("nobody at all").run()
    assert "No person or group matches “nobody at all” here." in text(healthy(test))


@pytest.mark.usefixtures("tenant")
def test_a_link_restores_the_search_for_people() -> None:
    test = AppTest.from_file(str(APP), default_timeout=60).switch_page("people.py")
    test.query_params["search"], test.query_params["state"] = "ada", "failing"
    rows = table(healthy(test.run()), "success_share")
    assert list(zip(rows["name"], rows["app_name"], strict=True)) == [("ada@example.com", "Zoom")]
