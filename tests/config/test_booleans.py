"""One boolean: Python and the model's macro parse the same words, in any case and with blanks around them."""

import pytest

from pipeline.config.booleans import FALSE, TRUE, parse_boolean
from pipeline.store.lake import Store


@pytest.mark.parametrize("word", [*TRUE, *FALSE, "", "perhaps", "tru", "00", "null"])
def test_python_and_the_model_parse_a_boolean_alike(store: Store, word: str) -> None:
    for spelled in (word, word.upper(), word.title(), f" {word} "):
        expected = True if word in TRUE else False if word in FALSE else None
        assert parse_boolean(spelled) is expected
        assert store.rows("select truth_value(?)", [spelled]) == [(expected,)]
