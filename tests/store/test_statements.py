"""A statement with its values written into it answers what it answers with parameters."""

from datetime import datetime

import duckdb
import pytest

from pipeline.config.errors import StoreError
from pipeline.store.statements import parameter_names, with_literals

SQL = """-- é $word, $since
select $word::varchar as a, '$word ''$since' as b, $words as c,
    $since::timestamp as "$word", $$ $since $$ as d /* $word */"""


@pytest.mark.parametrize("word", ["it's", "'; drop table x; --", "\\", "$since", "ü🙂\n", "", None])
@pytest.mark.parametrize("words", [-5, 1.5, True, None])
def test_values_are_written_where_the_parameters_are_and_nowhere_else(word: object, words: object) -> None:
    values = {"word": word, "words": words, "since": datetime(2026, 1, 5, 9, 30, 0, 5)}
    with duckdb.connect() as connection:
        bound = connection.execute(SQL, values).fetchall()
        [(a, b, c, d, e)] = connection.execute(with_literals(SQL, values)).fetchall()
    assert [(a, b, d, e)] == [(row[0], row[1], row[3], row[4]) for row in bound]
    assert c == pytest.approx(bound[0][2]) if words is not None else c is None


def test_parameters_are_read_by_duckdb_itself() -> None:
    assert parameter_names(SQL) == {"word", "words", "since"}
    with pytest.raises(StoreError, match="not SQL"):
        parameter_names("selec")
