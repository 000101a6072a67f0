"""Export: all rows of an answer as CSV or Parquet, under their display labels, written when a person asks for them.

Instants carry their zone: ISO 8601 with a Z in CSV, timestamps in UTC in Parquet.
"""

import io
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from pipeline.config import wording
from pipeline.store.catalog import Query, find_query
from pipeline.store.export import write_csv, write_parquet_to
from pipeline.store.time_limit import Stop
from views.frame.data import Values, store, values_of
from views.frame.downloads import OFFERS, Offer
from views.frame.filters import bar
from views.frame.look import look
from views.frame.page_sql import Asked, Derived, Labelled
from views.frame.state import EXPORT_TICKETS, Key

Answer = Callable[[Stop], AbstractContextManager[pa.RecordBatchReader]]
"Asks for an answer that is read piece by piece, let go at the end, and ended when a browser goes away."
Labels = Mapping[str, Any]
"What is exported, in this order: a column's name and its label, or the column of a table, which has one."
FORMS = {"CSV": "text/csv", "Parquet": "application/vnd.apache.parquet"}
WORDS = {"state", "status", "severity"}
"Columns whose words are written as the pages label them."
TEXT = pa.string()
ALL_ROWS = 2**40
DIGITS = 4
"Decimals that a number of a page is exported with."
LONGEST = 60
"Characters of a name that go into a file's name."


@dataclass(frozen=True)
class Shape:
    """Which columns of an answer are exported, and under which labels."""

    labels: Labels | None = None
    words: Collection[str] = ()
    "Columns whose words are written as the pages label them, such as a status."
    derived: Derived = field(default_factory=dict)
    "Columns that are written otherwise than the store has them."


def export(
    title: str, question: str, columns: Labels | None = None, *, words: Collection[str] = (), **given: object
) -> None:
    """Draws the menu that exports all rows of a question's answer, asked as `ask` would ask it.

    `title` says in the file's name what the rows are. Without `columns` every column is exported under its own name.
    The words of the columns `words` are written as the pages label them.
    """
    query = find_query(question)
    values = values_of(query, given | unlimited(query))
    draw_menu(
        file_stem(title, values), lambda stop: store().stream(query.sql, values, stop=stop), Shape(columns, words)
    )


def unlimited(query: Query) -> Values:
    """Returns values of a question's parameters with which its answer has all rows, not one page of them."""
    whole = {"limit": ALL_ROWS, "offset": 0}
    # Of one question `limit` is something else.
    return {
        one.name: whole[one.name]
        for one in query.parameters
        if one.meaning.startswith("how many") and one.name in whole
    }


def draw_menu(stem: str, answer: Answer, shape: Shape | None = None) -> None:
    """Draws the menu that exports an answer; it is asked anew for each file."""
    with st.popover("Export", icon=":material/download:", type="tertiary", key=Key.EXPORT.of(stem)):
        draw_buttons(stem, answer, shape)


def draw_page_menu(
    questions: list[Asked],
    columns: Mapping[str, Labelled],
    tables: Mapping[str, tuple[pd.DataFrame, Labels]],
) -> None:
    """Draws the menu that exports a table as it is drawn, or a question of the page, those with a table before.

    `columns` has the labels under which the page shows columns of a question, by its name; others go by their own.
    """
    known, places = set(tables), {name: place for place, name in enumerate(columns)}
    first = sorted(
        (one for one in questions if one[0].title not in known), key=lambda one: places.get(one[0].name, len(places))
    )
    offers: list[tuple[str, Callable[[], tuple[str, Answer, Shape]]]] = [
        *((title, partial(offer_of_table, title, *drawn)) for title, drawn in tables.items()),
        *((query.title, partial(offer_of_question, query, values, columns)) for query, values in first),
    ]
    with st.popover("Export", icon=":material/download:", type="tertiary", key=Key.EXPORT):
        number = 0
        if len(offers) > 1:
            number = st.selectbox("Rows", range(len(offers)), format_func=lambda at: offers[at][0], key=Key.EXPORTED)
        draw_buttons(*offers[number][1]())


def offer_of_table(title: str, rows: pd.DataFrame, columns: Labels) -> tuple[str, Answer, Shape]:
    """Returns what exports a table as it is drawn."""
    drawn = pa.Table.from_pandas(rows[[name for name in columns if name in rows]], preserve_index=False)
    asked = {"since": bar().since, "until": bar().until, "job": bar().job}
    return file_stem(title, asked), lambda _: nullcontext(drawn.to_reader()), Shape(columns)


def offer_of_question(
    query: Query, values: Mapping[str, object], columns: Mapping[str, Labelled]
) -> tuple[str, Answer, Shape]:
    """Returns what exports all rows of a question."""
    shown = columns.get(query.name, Labelled({}, {}))
    labels = {name: shown.columns.get(name) or name.replace("_", " ").capitalize() for name in query.columns}
    asked = dict(values) | unlimited(query)
    shape = Shape(labels, (WORDS & query.columns.keys()) - shown.derived.keys(), shown.derived)
    return file_stem(query.title, asked), lambda stop: store().stream(query.sql, asked, stop=stop), shape


def draw_buttons(stem: str, answer: Answer, shape: Shape | None = None) -> None:
    """Draws a button for each form; it is written when a person asks for it."""
    st.caption("All rows, not only those on screen. Times are UTC.")
    for form, kind in FORMS.items():
        name = f"{stem}.{form.lower()}"
        tickets = EXPORT_TICKETS.get()
        offer = Offer(name, kind, partial(write_rows, form, answer, shape or Shape()))
        EXPORT_TICKETS.set(tickets | {name: OFFERS.add(tickets.get(name, ""), offer)})
        # Beside the page, whatever path a proxy serves it below.
        address = f"exports/{EXPORT_TICKETS.get()[name]}/{quote(name)}"
        use = "for spreadsheets" if form == "CSV" else "for pandas, DuckDB and Spark"
        st.html(f"<a href='{address}' style='color:inherit;font-weight:600' download>{form}</a>, {use}")


def write_rows(form: str, answer: Answer, shape: Shape, out: BinaryIO, stop: Stop) -> None:
    """Writes all rows of an answer in one form as they come."""
    with answer(stop) as whole:
        rows = shaped(whole, shape)
        if form == "Parquet":
            write_parquet_to(with_zone(rows), out)
            return
        text = io.TextIOWrapper(out, "utf-8", newline="")
        write_csv(rows, text)
        text.flush()
        text.detach()


def shaped(rows: pa.RecordBatchReader, shape: Shape) -> pa.RecordBatchReader:
    """Returns the exported columns of an answer, in their order and under their labels, as a person reads them."""
    if shape.labels is None:
        return rows
    labels = shape.labels
    # A page may draw columns that it has made itself; they are of no answer.
    names = [name for name in labels if name in rows.schema.names]
    writers = {name: writer_of(name, rows.schema.field(name).type, shape) for name in names}
    schema = pa.schema(
        [pa.field(label_text(name, labels[name]), writers[name][0] or rows.schema.field(name).type) for name in names]
    )
    return mapped(rows, schema, lambda batch: [writers[name][1](batch) for name in names])


def writer_of(name: str, kind: pa.DataType, shape: Shape) -> tuple[pa.DataType | None, Callable[[Any], pa.Array]]:
    """Returns how a column is written, and as which type where that is not its own."""
    if name in shape.derived:
        return TEXT, partial(derive, *shape.derived[name], {})
    if name in shape.words:
        return TEXT, lambda batch: in_words(batch[name])
    if pa.types.is_list(kind):
        return TEXT, lambda batch: in_one_text(batch[name])
    if is_percentage((shape.labels or {}).get(name)) and pa.types.is_floating(kind):
        return None, lambda batch: pc.round(pc.multiply(batch[name], 100.0), 1).cast(kind)
    if pa.types.is_floating(kind):
        return None, lambda batch: pc.round(batch[name], DIGITS)
    return None, lambda batch: batch[name]


def is_percentage(label: Any) -> bool:
    """Whether a column of a table shows fractions as percentages."""
    return isinstance(label, Mapping) and (label.get("type_config") or {}).get("format") == "percent"


def derive(of: tuple[str, ...], write: Callable[..., str | None], known: dict[Any, Any], batch: Any) -> pa.Array:
    """Writes a column of other columns of its rows; equal values are written once."""
    rows = list(zip(*(batch[name].to_pylist() for name in of), strict=True))
    known.update({row: write(*row) for row in set(rows) - known.keys()})
    return pa.array([known[row] for row in rows], TEXT)


def in_one_text(column: pa.Array) -> pa.Array:
    """Writes lists as text, such as a number a day; what is missing is empty."""
    return pa.array([None if one is None else "; ".join(map(item_text, one)) for one in column.to_pylist()], TEXT)


def item_text(item: object) -> str:
    """Writes one of a list."""
    return "" if item is None else f"{float(item):.10g}" if isinstance(item, float | Decimal) else str(item)


def with_zone(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Returns an answer whose instants say that they are UTC."""
    schema = pa.schema(
        [
            field.with_type(pa.timestamp(field.type.unit, "UTC")) if pa.types.is_timestamp(field.type) else field
            for field in rows.schema
        ]
    )
    return mapped(
        rows,
        schema,
        lambda batch: [column.cast(kind) for column, kind in zip(batch.columns, schema.types, strict=True)],
    )


def mapped(
    rows: pa.RecordBatchReader, schema: pa.Schema, columns: Callable[[pa.RecordBatch], list[pa.Array]]
) -> pa.RecordBatchReader:
    """Returns an answer whose columns are made anew of each piece of it, as it is read."""
    return pa.RecordBatchReader.from_batches(
        schema, (pa.RecordBatch.from_arrays(columns(batch), schema=schema) for batch in rows)
    )


def label_text(name: str, label: Any) -> str:
    """Returns the label of a column, which may be a column of a table."""
    text = str((label.get("label") if isinstance(label, Mapping) else label) or name)
    return f"{text} (%)" if is_percentage(label) else text


def in_words(column: pa.Array) -> pa.Array:
    """Writes the words of a column as the pages label them."""
    words = pc.dictionary_encode(column.cast(TEXT))
    labels = pa.array([None if word is None else look(word).label for word in words.dictionary.to_pylist()], TEXT)
    return pa.DictionaryArray.from_arrays(words.indices, labels).dictionary_decode()


def file_stem(title: str, values: Values) -> str:
    """Names a file by what its rows are, of which app, from when until when.

    >>> from datetime import datetime
    >>> file_stem("Failures: top errors", {"since": datetime(2026, 1, 12), "until": datetime(2026, 1, 26, 9, 30)})
    'failures_top_errors_2026-01-12_2026-01-26T0930'
    """
    app = bar().job_name if values.get("job") and values["job"] == bar().job else None
    ends = [wording.address(values[end]).replace(":", "") for end in ("since", "until") if values.get(end)]
    return "_".join([word for word in (slug(title), slug(app or "")) if word] + ends) or "rows"


def slug(text: str) -> str:
    """Writes a text as a part of a file's name, which any system takes.

    >>> slug("Müller & Söhne / ../etc"), slug("🙂")
    ('müller_söhne_etc', '')
    """
    return "_".join(re.findall(r"\w+", text.lower()))[:LONGEST].strip("_")
