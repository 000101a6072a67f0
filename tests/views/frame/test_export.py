"""Exports: all rows, display labels, instants with their zone, a name that says what the file is."""

import asyncio
import csv
import io
import re
from datetime import UTC, datetime
from functools import partial

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store
from pipeline.store.time_limit import Stop
from tests.support.given import Given
from tests.support.lakes import add_events
from tests.support.pages import app
from views.frame.downloads import MOST_OFFERS, OFFERS, Offer, Offers, Pieces, export_file
from views.frame.export import Shape, file_stem, slug, unlimited, write_rows
from views.frame.filters import Bar
from views.frame.state import BAR
from views.frame.table import daily_bars, share_column, text_column, time_columns

SQL = "select event_id, upn, occurred_at, status from events order by occurred_at, event_id"
LABELS = {
    **time_columns(occurred_at="When"),
    "status": text_column("Status"),
    "chips": text_column("Made by the page"),
    "upn": "=User",
}
ROWS = 25_000
"More than two pieces of a streamed answer."


@pytest.fixture
def crowded(store: Store) -> Store:
    """A lake with more events than a screen shows."""
    add_events(store, 0, ROWS)
    return store


def file_of(form: str, store: Store, shape: Shape) -> bytes:
    """Returns the file of an answer, as a browser that takes it in pieces gets it."""
    rows = partial(write_rows, form, lambda stop: store.stream(SQL, stop=stop), shape)
    pieces = list(Pieces(rows))
    assert len(pieces) > 1
    return b"".join(pieces)


def test_csv_has_all_rows_under_display_labels_with_the_zone_and_without_formulas(crowded: Store) -> None:
    content = file_of("CSV", crowded, Shape(LABELS, {"status"}))
    head, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
    assert head == ["When", "Status", "'=User"]
    assert len(rows) == ROWS
    assert rows[0] == ["2026-01-05T00:00:00Z", "Failure", "0@example.com"]
    assert {row[1] for row in rows} == {"Failure", "Success"}


def test_parquet_has_all_rows_and_says_that_its_instants_are_utc(crowded: Store) -> None:
    rows = pq.read_table(io.BytesIO(file_of("Parquet", crowded, Shape(LABELS, {"status"}))))
    assert rows.num_rows == ROWS
    assert rows.schema.names == ["When", "Status", "=User"]
    assert rows.schema.field("When").type == pa.timestamp("us", "UTC")
    assert rows.column("When")[0].as_py() == datetime(2026, 1, 5, tzinfo=UTC)
    assert rows.column("=User").null_count == crowded.rows("select count(*) from events where upn is null")[0][0]


@pytest.mark.parametrize(
    ("question", "takes"), [("people", {"limit", "offset"}), ("quarantine_states", set()), ("jobs", set())]
)
def test_an_export_is_not_cut_where_the_page_is(question: str, takes: set[str]) -> None:
    assert unlimited(find_query(question)).keys() == takes


def test_an_export_has_the_rows_beyond_a_page(crowded: Store) -> None:
    query = find_query("matching_events")
    given = {"since": datetime(2026, 1, 5), "until": datetime(2026, 2, 5), "status": "failure"}
    values = bind(query, given | unlimited(query))
    file = io.BytesIO()
    write_rows("Parquet", lambda stop: crowded.stream(query.sql, values, stop=stop), Shape(), file, Stop())
    assert pq.read_table(file).num_rows == (ROWS + 2) // 3


def test_a_file_has_percentages_lists_and_words_as_a_person_reads_them(store: Store) -> None:
    sql = """
        select 1 / 17 as share, [3, null, 1.5] as days, state, job
        from (values ('in_sync', 'a'), ('in_sync', 'b')) as t(state, job)
    """
    labels = {"share": share_column("Success"), "days": daily_bars("Failures per day"), "state": "Status"}
    derived = {"state": (("state", "job"), lambda state, job: f"was {state}" if job == "b" else state)}
    file = io.BytesIO()
    write_rows("CSV", lambda stop: store.stream(sql, stop=stop), Shape(labels, (), derived), file, Stop())
    assert file.getvalue().decode().splitlines() == [
        "Success (%),Failures per day,Status",
        "5.9,3; ; 1.5,in_sync",
        "5.9,3; ; 1.5,was in_sync",
    ]


def test_a_file_is_named_by_what_it_holds_of_which_app_and_when() -> None:
    since, until = datetime(2026, 1, 12), datetime(2026, 1, 26)
    BAR.set(Bar(since, until, {}, "scim.cerby", "Cerby"))
    values = {"since": since, "until": until, "job": "scim.cerby"}
    assert file_stem("Failures", values) == "failures_cerby_2026-01-12_2026-01-26"
    assert file_stem("Failures", values | {"job": None}) == "failures_2026-01-12_2026-01-26"
    assert file_stem("Rejected lines", {}) == "rejected_lines"


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "a" * 300, "x\r\ny", 'a";b', "C:\\con"])
def test_no_title_makes_a_path_or_a_header_of_a_file_name(hostile: str) -> None:
    assert len(slug(hostile)) <= 60 and not set(slug(hostile)) & set('./\\:";\r\n ')


def drawn() -> None:
    """A page of nothing but a bar and two exports of one question."""
    from datetime import datetime

    from views.frame.export import export
    from views.frame.filters import Bar
    from views.frame.state import BAR

    BAR.set(Bar(datetime(2026, 1, 12), datetime(2026, 1, 26), {}))
    export("Failures", "top_errors", {"error_code": "Error", "failures": "Failures"})
    export("Failures by message", "top_errors")


@pytest.mark.usefixtures("store")
def test_a_page_offers_both_forms_of_each_export() -> None:
    test = AppTest.from_function(drawn).run()
    assert not test.exception
    links = [re.findall("href='([^']+)'", block.proto.body)[0] for block in test.get("html")]
    assert [link.rpartition(".")[2] for link in links] == ["csv", "parquet"] * 2
    assert all(OFFERS.find(link.split("/")[1]) for link in links) and len(set(links)) == 4


def answer_to(path: str) -> httpx.Response:
    """Asks for a file of an export."""
    asked = Starlette(routes=[Route("/exports/{ticket}/{name}", export_file)])

    async def sent() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(asked), base_url="http://here") as client:
            return await client.get(path)

    return asyncio.run(sent())


def test_a_file_is_streamed_under_its_name_to_whoever_has_its_ticket(store: Store) -> None:
    rows = partial(write_rows, "CSV", lambda stop: store.stream("from range(3)", stop=stop), Shape())
    ticket = OFFERS.add("", Offer('müller\'s "rows".csv', "text/csv", rows))
    answer = answer_to(f"/exports/{ticket}/x.csv")
    assert (answer.status_code, answer.text) == (200, "range\n0\n1\n2\n")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''m%C3%BCller%27s%20%22rows%22.csv"
    assert answer_to("/exports/guessed/x.csv").status_code == 404
    failing = partial(write_rows, "CSV", lambda stop: store.stream("from nothing", stop=stop), Shape())
    answer = answer_to(f"/exports/{OFFERS.add('', Offer('x.csv', 'text/csv', failing))}/x.csv")
    assert answer.status_code == 503 and "nothing does not exist" in answer.text


def test_a_file_that_nobody_reads_any_more_is_not_written_to_its_end(store: Store) -> None:
    endless = "select a.range from range(40000000000) a"
    pieces = Pieces(partial(write_rows, "CSV", lambda stop: store.stream(endless, stop=stop), Shape()))
    assert next(iter(pieces)).startswith(b"range\n0\n")
    pieces.abandon()
    pieces.thread.join(30)
    assert pieces.over.is_set() and pieces.length < 100_000_000


def test_the_oldest_offers_are_forgotten_and_a_ticket_is_kept() -> None:
    def nothing(_out: object, _stop: object) -> None:
        """Writes an empty file."""

    offers = Offers()
    first = offers.add("", Offer("a", "", nothing))
    assert offers.add(first, Offer("b", "", nothing)) == first
    for _ in range(MOST_OFFERS):
        offers.add("", Offer("c", "", nothing))
    assert offers.find(first) is None and len(offers.offers) == MOST_OFFERS
    assert offers.add("chosen by a person", Offer("d", "", nothing)) != "chosen by a person"


def test_a_page_offers_what_it_draws_first_first(given: Given) -> None:
    given.failed("ada", 13, 9)
    given.skipped("bob", "AttributeValidationFailed", day=13, hour=9)
    given.stored()
    [rows] = [box for box in app("issues").selectbox if box.key == "exported"]
    assert rows.options[0] == find_query("issues").title
