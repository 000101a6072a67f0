"""The page Questions: every question, and its values in the address."""

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.store.catalog import catalog
from tests.support.pages import APP, app, healthy, text


@pytest.mark.usefixtures("tenant")
def test_every_question_can_be_asked_from_its_page() -> None:
    test = healthy(app("query"))
    for name, query in catalog().items():
        test.selectbox(key="question").set_value(name).run()
        assert f"queries/{name}.sql" in text(healthy(test))
        needed = [
            each.name for each in query.parameters if each.default is None and each.name not in ("since", "until")
        ]
        assert bool(test.warning) == bool(needed)


@pytest.mark.usefixtures("tenant")
def test_a_questions_values_are_in_its_address() -> None:
    test = AppTest.from_file(str(APP), default_timeout=60).switch_page("questions.py")
    test.query_params["question"], test.query_params["object"] = "person_events", "id-ada"
    assert "**3 rows**" in text(healthy(test.run()))
    test.text_input(key="value-person_events-limit").set_value("two").run()
    assert r"limit is 'two'; a whole number was expected" in text(healthy(test))
    assert test.query_params["limit"] == "two"
