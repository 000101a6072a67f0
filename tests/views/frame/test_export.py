"""Exports: all rows, display labels, instants with their zone, a name that says what the file is."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store
from tests.support.lakes import add_events
from views.frame.export import Shape, file_stem, slug, unlimited, written
from views.frame.filters import Bar
from views.frame.state import BAR
from views.frame.table import text_column, time_columns

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


def test_csv_has_all_rows_under_display_labels_with_the_zone_and_without_formulas(crowded: Store) -> None:
    with written("CSV", lambda: crowded.stream(SQL), Shape(LABELS, {"status"})) as file:
        head, *rows = csv.reader(io.StringIO(file.read().decode()))
    assert head == ["When", "Status", "'=User"]
    assert len(rows) == ROWS
    assert rows[0] == ["2026-01-05T00:00:00Z", "Failure", "0@example.com"]
    assert {row[1] for row in rows} == {"Failure", "Success"}


def test_parquet_has_all_rows_and_says_that_its_instants_are_utc(crowded: Store) -> None:
    with written("Parquet", lambda: crowded.stream(SQL), Shape(LABELS, {"status"})) as file:
        rows = pq.read_table(file)
    assert rows.num_rows == ROWS
    assert rows.schema.names == ["When", "Status", "=User"]
    assert rows.schema.field("When").type == pa.timestamp("us", "UTC")
    assert rows.column("When")[0].as_py() == datetime(2026, 1, 5, tzinfo=UTC)
    assert rows.column("=User").null_count == crowded.rows("select count(*) from events where upn is null")[0][0]


def test_an_export_leaves_no_file_behind(crowded: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "files-of-exports"))
    (tmp_path / "files-of-exports").mkdir()
    with written("CSV", lambda: crowded.stream(SQL), Shape()) as file:
        assert file.readline() == b"event_id,upn,occurred_at,status\n"
    assert list((tmp_path / "files-of-exports").iterdir()) == []


@pytest.mark.parametrize(
    ("question", "takes"), [("people", {"limit", "offset"}), ("quarantine_states", set()), ("jobs", set())]
)
def test_an_export_is_not_cut_where_the_page_is(question: str, takes: set[str]) -> None:
    assert unlimited(find_query(question)).keys() == takes


def test_an_export_has_the_rows_beyond_a_page(crowded: Store) -> None:
    query = find_query("matching_events")
    given = {"since": datetime(2026, 1, 5), "until": datetime(2026, 2, 5), "status": "failure"}
    values = bind(query, given | unlimited(query))
    with written("Parquet", lambda: crowded.stream(query.sql, values), Shape()) as file:
        assert pq.read_table(file).num_rows == (ROWS + 2) // 3


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
    assert [button.proto.label for button in test.get("download_button")] == ["CSV", "Parquet"] * 2
