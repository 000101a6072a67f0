"""Exports an answer as JSON, CSV or Parquet.

Instants are the store's naive UTC: ISO 8601 with a Z, without fractions where there are none.
"""

import csv
import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, TextIO, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config.wording import iso

BATCH = 10_000
GROUP = 122_880
"Rows of a row group of Parquet, as DuckDB has it."
FORMULA = re.compile(r" *[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"What a spreadsheet takes for the beginning of a formula; the last four are the first ones in full width."
Answer: TypeAlias = pa.Table | pa.RecordBatchReader
"An answer as a whole, or as it is streamed."


def write_json(answer: Answer, out: TextIO) -> None:
    """Writes one JSON array with an object a row, keyed by column."""
    rows = (json.dumps(row, ensure_ascii=False) for row in records(answer))
    out.write("[" + next(rows, ""))
    out.writelines(",\n " + row for row in rows)
    out.write("]\n")


def write_csv(answer: Answer, out: TextIO) -> None:
    """Writes a header and a line a row; lists and structs are JSON text, NULL is an empty field."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(flat, names(answer)))
    for row in records(answer):
        writer.writerow([flat(value) for value in row.values()])


def write_parquet(answer: Answer, file: Path) -> int:
    """Writes a Parquet file whole or not at all, beside its place first, then over it; returns its number of rows."""
    part = file.with_name(f".{file.name}.part")
    try:
        rows = write_parquet_to(answer, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return rows


def write_parquet_to(answer: Answer, sink: Path | BinaryIO) -> int:
    """Writes Parquet into a file or a stream; returns its number of rows."""
    rows = 0
    with pq.ParquetWriter(sink, answer.schema, compression="zstd") as writer:
        for group in grouped(answer):
            writer.write_table(group)
            rows += group.num_rows
    return rows


def grouped(answer: Answer) -> Iterator[pa.Table]:
    """Yields an answer in pieces of the size of a row group."""
    if isinstance(answer, pa.Table):
        yield answer
        return
    waiting: list[pa.RecordBatch] = []
    for batch in answer:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= GROUP:
            yield pa.Table.from_batches(waiting, answer.schema)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting, answer.schema)


def counted(answer: pa.RecordBatchReader, count: Callable[[int], None]) -> pa.RecordBatchReader:
    """Returns an answer that says of each piece how many rows it has, as it is read."""

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in answer:
            count(batch.num_rows)
            yield batch

    return pa.RecordBatchReader.from_batches(answer.schema, batches())


def records(answer: Answer) -> Iterator[dict[str, Any]]:
    """Yields the rows as JSON's own types, a batch at a time so that a long answer needs little memory."""
    keys = names(answer)
    for piece in [answer] if isinstance(answer, pa.Table) else map(whole, answer):
        for batch in unfolded(piece).to_batches(max_chunksize=BATCH):
            for row in zip(*[column.to_pylist(maps_as_pydicts="lossy") for column in batch.columns], strict=True):
                yield dict(zip(keys, map(plain, row), strict=True))


def whole(batch: pa.RecordBatch) -> pa.Table:
    """Returns one piece of a streamed answer as a table."""
    return pa.Table.from_batches([batch])


def names(answer: Answer) -> list[str]:
    """Returns the columns' names, a repeated one with its place behind it: the keys of an object differ."""
    given = answer.schema.names
    return [name if given.index(name) == place else f"{name}_{place + 1}" for place, name in enumerate(given)]


def unfolded(answer: pa.Table) -> pa.Table:
    """Turns infinite instants, which Python has none of, into NULL."""
    for place, field in enumerate(answer.schema):
        if pa.types.is_timestamp(field.type):
            ticks = answer.column(place).cast(pa.int64())
            endless = pc.greater_equal(pc.abs(ticks.fill_null(0)), pa.scalar(2**63 - 1))
            answer = answer.set_column(
                place, field, pc.if_else(endless, pa.scalar(None, field.type), answer.column(place))
            )
    return answer


def plain(value: Any) -> Any:
    """Turns a value into what JSON can hold.

    >>> plain(datetime(2026, 1, 5, 12)), plain(float("nan")), plain(Decimal(3)), plain(b"\\xff!")
    ('2026-01-05T12:00:00Z', None, 3, '\\\\xff!')
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return iso(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return f"PT{value.total_seconds():g}S"
        case pa.MonthDayNano():
            return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:g}S"
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return str(value)


def flat(value: Any) -> Any:
    """Returns a CSV field: nested values as JSON text, and a text that a spreadsheet would compute with a quote before.

    >>> flat("=1+1"), flat("@ada"), flat(" =1"), flat("ada"), flat(-5), flat([1])
    ("'=1+1", "'@ada", "' =1", 'ada', -5, '[1]')
    """
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
