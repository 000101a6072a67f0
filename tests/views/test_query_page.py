"""The page Query: what it opens on, its address, its limits, and what is taken away from it."""

import io
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.__main__ import run as run_command
from pipeline.config.settings import Settings
from pipeline.store.catalog import bind, catalog, find_query
from pipeline.store.export import write_csv
from pipeline.store.lake import Store, open_store, seal
from tests.support.given import Given, job_id, moment
from tests.support.pages import app, healthy, text
from views.frame.filters import Bar
from views.frame.state import Key
from views.parts.query import saved
from views.parts.query.copies import command_line, kql_text, kql_texts, python_text
from views.parts.query.fields import EXAMPLES
from views.parts.query.runs import Run
from views.parts.query.saved import SavedQueryError, checked_name, delete, read_saved, save, saved_names
from views.parts.query.schema import tables
from views.parts.query.statement import EXAMPLE, Draft, editor_text, query_of

PAGE = "query"
ENDLESS = "select count(*) from range(40000000000) a where hash(a.range) % 7 = 1"
ZOO = """
select 'infinity'::timestamp as endless, date '9999-12-31' as far, interval 3 months as span, 1::hugeint << 100 as huge,
    [1, null] as list, {'a': 1} as struct, map {'k': 1} as pairs, 'x'::blob as bytes, time '12:00' as hour,
    1.5::decimal(9, 2) as d, null as nothing, 'nan'::double as nan, true as yes, '<b>=1+1</b>' as "<b>", 1 as twice,
    2 as twice, uuid() as id, '1001'::bit as bits, timestamptz '2026-01-05 00:00:00+02' as zoned"""


def written(test: AppTest, sql: str) -> AppTest:
    """Types into the editor and presses Run."""
    test.text_area(key=Key.QUERY_TEXT).set_value(sql)
    test.button(key=Key.QUERY_RUN).click()
    return finished(healthy(test.run()))


def finished(test: AppTest) -> AppTest:
    """Waits for the answer, as the page's own polling does."""
    test.session_state["query_ran"].join(60)
    return healthy(test.run())


def opened(**words: str) -> AppTest:
    """Opens the page by an address."""
    return healthy(app(PAGE, **words))


def columns(test: AppTest) -> list[str]:
    """Returns the columns of the answer on the page."""
    [grid] = test.dataframe
    return list(grid.value.columns)


def complaints(test: AppTest) -> list[str]:
    """Returns what the page itself complains of; what stands in the header is about collecting."""
    return [box.value for box in (*test.error, *test.warning) if box.icon in (":material/error:", ":material/edit:")]


def words_of(test: AppTest) -> dict[str, str]:
    """Returns the address that the page has written."""
    return {word: "".join(value) for word, value in test.query_params.items()}


@pytest.mark.usefixtures("tenant")
def test_it_opens_on_an_example_that_has_run() -> None:
    test = finished(opened())
    assert test.text_area(key=Key.QUERY_TEXT).value == EXAMPLE
    assert complaints(test) == []
    assert columns(test) == ["app_name", "week", "attempts", "users"]
    assert dict(test.query_params) == {}


def all_questions() -> None:
    """A page of the fields of every question, which runs those that need nothing more."""
    import streamlit as st

    from pipeline.store.catalog import bind, catalog
    from views.frame.data import store
    from views.frame.filters import draw_bar
    from views.parts.query.fields import fields, hint

    jobs = store().ask(catalog()["jobs"].sql).to_pandas()
    draw_bar(*store().rows("select min(occurred_at), max(occurred_at) from events")[0], jobs)
    for name, query in catalog().items():
        given = fields(query)
        if given.missing:
            st.info(f"{name}: {hint(given.missing)}")
        else:
            values = bind(query, given.values)
            # The others are asked with nothing but defaults, by the tests of questions.
            if any(one.default is None and one.name not in ("since", "until") for one in query.parameters):
                store().fetch(query.sql, values)
            st.text(name)


@pytest.mark.usefixtures("tenant")
def test_every_question_opens_on_an_answer_or_says_which_value_it_needs() -> None:
    test = healthy(AppTest.from_function(all_questions, default_timeout=120).run())
    asked, answered = [box.value for box in test.info], {line.value for line in test.text}
    assert len(asked) + len(answered) == len(catalog()) and {"person_events", "jobs"} <= answered
    # The tenant has no group, no issue, no incident, and no app with a second cycle.
    examples = [*EXAMPLES, "search"]
    assert all(any(f"{name.capitalize()} (" in line for name in examples) for line in asked), asked
    assert "cycle_transitions: Enter a value for With (" in " ".join(asked)


def test_the_editor_holds_a_questions_sql_under_its_question() -> None:
    for query in catalog().values():
        first, *body = editor_text(query).splitlines()
        assert first == f"-- {query.question}" and query.sql.strip().endswith("\n".join(body)) and body
        assert not body[0].startswith("--") and Draft(editor_text(query), query.name).is_question


@pytest.mark.usefixtures("tenant")
def test_a_questions_values_are_in_its_address_and_one_that_does_not_fit_is_a_sentence() -> None:
    test = finished(opened(question="person_events", object="id-ada"))
    assert "3 rows in" in text(test)
    assert test.query_params["object"] == "id-ada"
    test.text_input(key="value-person_events-limit").set_value("two").run()
    assert "limit is 'two'; a whole number was expected" in text(healthy(test)).replace("\\", "")
    assert test.query_params["limit"] == "two"


def test_the_address_holds_the_sql_that_was_run_and_a_link_runs_it_on_what_is_new(tenant: Store, given: Given) -> None:
    test = written(opened(), "select upn, $since as since from events where status = 'failure'")
    assert columns(test) == ["upn", "since"]
    assert "1 row in" in text(test)
    given.failed("bob", day=13, hour=22, minute=40, app="Zoom")
    given.stored()
    again = finished(opened(**words_of(test)))
    assert columns(again) == ["upn", "since"] and "2 rows in" in text(again)


@pytest.mark.usefixtures("tenant")
def test_edited_sql_of_a_question_keeps_its_parameters() -> None:
    sql = editor_text(find_query("person_events")).replace("limit $limit", "limit 1")
    test = written(opened(question="person_events", object="id-ada"), sql)
    assert "1 row in" in text(test) and "edited" in text(test)
    assert test.query_params["question"] == "person_events" and test.query_params["sql"] == sql
    assert "1 row in" in text(finished(opened(**words_of(test))))


@pytest.mark.usefixtures("tenant")
def test_what_is_typed_into_a_question_that_lacks_a_value_stays_and_a_link_may_name_a_job_by_its_id() -> None:
    test = opened(question="group_history", job=job_id("Zoom"))
    assert "Enter a value for Group" in text(test) and test.selectbox(key="job").value == "Zoom"
    test.text_area(key=Key.QUERY_TEXT).set_value("select 1 as one").run()
    assert healthy(test.run()).text_area(key=Key.QUERY_TEXT).value == "select 1 as one"


@pytest.mark.usefixtures("tenant")
def test_a_question_that_is_not_there_is_said_and_kept_in_the_address() -> None:
    test = opened(question="person_evnts")
    assert "did you mean person_events" in text(test).replace("\\", "")
    assert test.query_params["question"] == "person_evnts"
    assert "question" not in written(test, "select 1").query_params


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("select nope from events", 'column "nope" not found'),
        ("drop table events", "One read-only question was expected"),
        ("select * from read_text('/etc/passwd')", "only the store's tables"),
        ("select * from '/etc/passwd'", "is no table of the store"),
        ("selec", "This is not SQL"),
        ("select 1; select 2", "One read-only question was expected"),
        ("select getenv('HOME')", "may show what is not in the store"),
        ("select error('<script>')", "<script>"),
        ("explain analyze insert into events from events", "One read-only question was expected"),
        ("select length(repeat('x', 4000000000))", "repeat: at most 65,536 characters or elements were expected"),
        ("select length(lpad('x', 2000000000, 'y'))", "lpad: at most 65,536"),
        ("select length(rpad('x', n, 'y')) from (select 2000000000 as n)", "rpad: at most 65,536"),
        ("select len(list_resize([1], 2000000000))", "list_resize: at most 65,536"),
        ("select len(array_resize([1], 2000000000, 7))", "array_resize: at most 65,536"),
        ("select len(range(2000000000))", "range: at most 65,536"),
        ("select unnest(generate_series(9, -2000000000, -3))", "generate_series: at most 65,536"),
        ("select bit_count(bitstring('1', 2000000000))", "bitstring: at most 65,536"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(lake: Store, sql: str, sentence: str) -> None:
    run = ran(lake, sql)
    assert sentence in run.error and "\n" not in run.error and run.rows is None and not run.was_cut


@pytest.mark.parametrize(
    "sql",
    [
        "select repeat('ab', 3), repeat([1, 2], 2), repeat('x', null), repeat('x', -1), repeat(null, 3)",
        "select lpad('7', 3, '0'), rpad('7', n, 'é') from (values (2), (null)) t(n)",
        "select list_resize([1], 3), list_resize([1], 3, 7), bitstring('101', 5)",
        "select range(3), range(2, 5), range(1, 10, 3), range(5, 0, -2), generate_series(1, 3), [i for i in range(3)]",
        "select range(timestamp '2026-01-01', timestamp '2026-01-02', interval 6 hour) from range(2)",
        "select count(*) from generate_series(date '2026-01-01', date '2026-02-01', interval 1 day), range(100000)",
    ],
)
def test_functions_with_a_bound_answer_as_without(lake: Store, sql: str) -> None:
    run = ran(lake, sql)
    assert run.error == "" and run.rows is not None
    assert run.rows.to_pylist() == duckdb.sql(sql).to_arrow_table().rename_columns(run.rows.column_names).to_pylist()


@pytest.mark.usefixtures("tenant")
def test_the_page_shows_what_is_wrong_and_any_kind_of_value() -> None:
    test = written(opened(), "select nope from events")
    assert 'column "nope" not found' in complaints(test)[0].replace("\\", "")
    test = written(test, "select $x::integer + 1 as y")
    assert "Enter a value for X" in text(test)
    test = written(test, ZOO)
    assert complaints(test) == [] and "twice_16" in columns(test)
    test.button_group(key=Key.QUERY_VIEW).set_value("Chart").run()
    assert complaints(healthy(test)) == []


def ran(store: Store, sql: str) -> Run:
    """Runs a statement to its end."""
    run = Run(store, query_of(Draft(sql)), {}, "", is_question=False)
    run.join(30)
    assert run.is_over
    return run


@pytest.fixture(scope="module")
def lake(blank: Settings) -> Iterator[Store]:
    """An empty lake as the page opens it: read-only, and closed to everything else."""
    store = open_store(blank, read_only=True)
    seal(store)
    yield store
    store.close()


def test_a_statement_that_takes_long_can_be_cancelled_and_another_runs_after_it(lake: Store) -> None:
    run = Run(lake, query_of(Draft(ENDLESS)), {}, "", is_question=False)
    assert not run.is_over and run.rows is None
    run.cancel()
    run.join(20)
    assert run.is_over and run.error == "Cancelled." and run.was_cut
    after = ran(lake, "select 1 as one")
    assert after.rows is not None and after.rows.to_pylist() == [{"one": 1}]


def test_a_statement_ends_at_the_limit(lake: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake, "settings", lake.settings.model_copy(update={"screen_seconds": 1}))
    run = ran(lake, ENDLESS)
    assert "Ended after 1 s" in run.error and "PROVISIONING_SCREEN_SECONDS" in run.error and run.was_cut


@pytest.mark.parametrize(
    ("sql", "shown", "total"),
    [
        ("from range(1000)", 1000, 1000),
        ("from range(1001);", 1000, 1001),
        ("from range(123456) -- all", 1000, 123456),
        ("select 1, 1 from range(2000)", 1000, 2000),
        ("explain select 1", 1, 1),
    ],
)
def test_rows_are_counted_beyond_those_on_screen(lake: Store, sql: str, shown: int, total: int) -> None:
    run = ran(lake, sql)
    assert run.rows is not None and (run.rows.num_rows, run.total, run.error) == (shown, total, "")


def test_rows_on_screen_stay_when_counting_the_others_takes_too_long(
    lake: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake, "settings", lake.settings.model_copy(update={"screen_seconds": 1}))
    run = ran(lake, "select a.range from range(40000000000) a where hash(a.range) % 7 = 1")
    assert run.rows is not None and (run.rows.num_rows, run.total, run.has_more, run.error) == (1000, None, True, "")


@pytest.fixture
def folder(settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for saved queries."""
    monkeypatch.setenv("PROVISIONING_SAVED_QUERIES", str(tmp_path / "saved"))
    return tmp_path / "saved"


@pytest.mark.usefixtures("tenant")
def test_a_saved_query_is_listed_opened_by_its_address_and_deleted(folder: Path) -> None:
    test = written(opened(), "select 1 as one")
    test.text_input(key=Key.QUERY_SAVE_AS.of("")).set_value("My first, (test)")
    test.button(key=Key.QUERY_SAVE).click().run()
    assert dict(healthy(test).query_params) == {"saved": "My first, (test)"}
    assert (folder / "My first, (test).sql").read_text() == "select 1 as one\n"
    again = finished(opened(saved="My first, (test)"))
    assert columns(again) == ["one"]
    again.button(key=Key.QUERY_DELETE.of("My first, (test)")).click().run()
    assert healthy(again) and list(folder.iterdir()) == []
    assert "There is no saved query" in text(opened(saved="My first, (test)"))


def test_a_query_of_the_same_name_is_not_replaced_by_accident(folder: Path) -> None:
    save("Weekly", "select 1")
    with pytest.raises(SavedQueryError, match="already"):
        save("Weekly", "select 2")
    assert read_saved("Weekly") == "select 1"
    save("Weekly", "select 2", replace=True)
    assert (read_saved("Weekly"), saved_names()) == ("select 2", ["Weekly"])
    delete("Weekly")
    assert saved_names() == [] and list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["../up", "/etc/x", "a/b", "a\\b", ".hidden", "", " ", "a\0b", "x" * 81, "語" * 80, "con:", "a\nb", "*", "end."],
)
def test_no_name_leaves_the_folder(name: str, folder: Path) -> None:
    for act in (lambda: save(name, "select 1"), lambda: read_saved(name), lambda: delete(name)):
        with pytest.raises(SavedQueryError, match="cannot be the name of a file"):
            act()
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(saved, "folder", lambda: tmp_path / "file")
    with pytest.raises(SavedQueryError, match="PROVISIONING_SAVED_QUERIES"):
        save("Weekly", "select 1")
    assert saved_names() == [] and checked_name(" Weekly ") == "Weekly"


COPIED: list[tuple[Draft, dict[str, object]]] = [
    (Draft("", "top_errors"), {"since": moment(0), "until": moment(14), "job": "it's"}),
    (Draft("", "people"), {"search": "a b'c", "since": moment(0), "until": moment(14), "at": moment(13)}),
    (
        Draft("select $since as a, '$since' as b, \"status\" from events where upn <> $job -- $job"),
        {"since": moment(0)},
    ),
]


def test_the_copied_command_answers_what_the_page_answers(tenant: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for draft, chosen in COPIED:
        query = draft.query or query_of(draft)
        names = {one.name for one in query.parameters}
        values = bind(query, {name: value for name, value in chosen.items() if name in names})
        python, flag, package, *words = shlex.split(command_line(query, values, is_question=bool(draft.query)))
        assert (python, flag, package) == ("python", "-m", "pipeline")
        assert run_command([*words, "--csv"]) == 0
        expected = io.StringIO()
        write_csv(tenant.fetch(query.sql, values), expected)
        assert capsys.readouterr().out == expected.getvalue()


def test_the_copied_python_is_python_that_holds_the_statement_and_its_values(lake: Store) -> None:
    for sql in ("select $since as a", 'select \'"""\' as "a"', "select '\\' as a"):
        query = query_of(Draft(sql))
        values = bind(query, {"since": moment(0)} if query.parameters else {})
        written = python_text(query, values, lake.settings)
        held: dict[str, object] = {}
        exec(written.replace("import duckdb", "").replace("db = duckdb.connect()", ""), {"db": Recorded(held)})
        assert str(held["sql"]).strip() == sql and held["values"] == values
        assert str(lake.settings.catalog_file) in str(held["attach"])


class Recorded:
    """Remembers what the copied Python would have asked."""

    def __init__(self, held: dict[str, object]) -> None:
        self.held = held

    def execute(self, sql: str, values: object = None) -> "Recorded":
        """Remembers a statement."""
        if values is not None:
            self.held |= {"sql": sql, "values": values}
        elif sql.startswith("attach"):
            self.held["attach"] = sql
        return self

    def df(self) -> None:
        """Answers nothing."""


def test_kql_names_only_questions_and_columns_that_there_are(lake: Store) -> None:
    there = {
        row[0] for row in lake.rows("select column_name from duckdb_columns() where table_name = 'AADProvisioningLogs'")
    }
    bar = Bar(datetime(2026, 1, 12), datetime(2026, 1, 26), {}, 'a"b\\c', "Cerby")
    for name, entry in kql_texts().items():
        assert name in catalog() and entry["differs"].endswith(".")
        written = kql_text(name, bar)
        assert "datetime(2026-01-12T00:00:00Z)" in written and 'JobId == "a\\"b\\\\c"' in written
        columns = {
            word for word in written.replace("(", " ").replace(")", " ").replace(",", " ").split() if word[:1].isupper()
        }
        assert columns - {"AADProvisioningLogs"} <= there | {"Failure"}, name


@pytest.mark.usefixtures("tenant")
def test_kql_is_shown_as_text_that_was_not_run() -> None:
    test = opened(question="top_errors")
    test.button_group(key=Key.QUERY_LANGUAGE).set_value("KQL").run()
    assert "It was not run here" in text(healthy(test)) and any(
        block.value.startswith("AADProvisioningLogs") for block in test.code
    )
    assert not test.text_area


def test_every_table_of_the_list_is_in_the_store_with_its_columns(lake: Store) -> None:
    assert len(tables()) >= 13
    for name, table in tables().items():
        kept = lake.rows("select column_name from duckdb_columns() where table_name = ?", [name])
        assert {column.name for column in table.columns} <= {row[0] for row in kept} and table.columns
        assert table.meaning
