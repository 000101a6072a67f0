"""Prints an answer: a table for eyes, or JSON, CSV and Parquet for programs.

Instants are the store's naive UTC: they are written in ISO 8601 with a Z, and without fractions where there are none.
"""

import csv
import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from rich.text import Text

ROWS_SHOWN = 50
RECORDS_SHOWN = 10
CELL_WIDTH = 48
BATCH = 10_000


def write_json(answer: pa.Table, out: TextIO) -> None:
    """Writes one JSON array with an object a row, keyed by column."""
    rows = (json.dumps(row, ensure_ascii=False) for row in records(answer))
    out.write("[" + next(rows, ""))
    out.writelines(",\n " + row for row in rows)
    out.write("]\n")


def write_csv(answer: pa.Table, out: TextIO) -> None:
    """Writes a header and a line a row; lists and structs are JSON text, NULL is an empty field."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names(answer))
    for row in records(answer):
        writer.writerow([flat(value) for value in row.values()])


def write_parquet(answer: pa.Table, file: Path) -> None:
    """Writes a Parquet file whole or not at all: beside its place first, then over it."""
    part = file.with_name(f".{file.name}.part")
    try:
        pq.write_table(answer, part, compression="zstd")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def print_answer(answer: pa.Table, console: Console) -> None:
    """Prints a table for a person; on a terminal what does not fit becomes one record below another."""
    if not console.is_terminal:
        console = Console(file=console.file, width=10_000, color_system=None)
        console.print(drawn(answer, answer.num_rows, None), soft_wrap=True)
        return
    table = drawn(answer.slice(0, ROWS_SHOWN), ROWS_SHOWN, CELL_WIDTH)
    shown = min(answer.num_rows, ROWS_SHOWN)
    if fits(answer, console.width):
        console.print(table)
    else:
        shown = min(answer.num_rows, RECORDS_SHOWN)
        print_records(answer.slice(0, shown), console)
    left = answer.num_rows - shown
    if left:
        console.print(f"… and {left:,} more rows; --csv, --json or --parquet FILE give all of them.", style="dim")


def fits(answer: pa.Table, width: int) -> bool:
    """Whether a table of the answer's first rows can be read at that many characters."""
    cells = [[shown(value) for value in row.values()] for row in records(answer.slice(0, ROWS_SHOWN))]
    widths = [min(max(map(len, column)), CELL_WIDTH) for column in zip(names(answer), *cells, strict=True)]
    return sum(widths) + 3 * len(widths) + 1 <= max(width, 60) or len(widths) <= 4


def drawn(answer: pa.Table, rows: int, cell: int | None) -> Table:
    """Draws the first rows as a table, numbers to the right."""
    table = Table(header_style="bold", show_lines=False)
    for field, name in zip(answer.schema, names(answer), strict=True):
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
        table.add_column(Text(name), justify="right" if number else "left", overflow="fold", no_wrap=cell is None)
    for row in records(answer.slice(0, rows)):
        table.add_row(*[Text(shortened(shown(value), cell)) for value in row.values()])
    return table


def print_records(answer: pa.Table, console: Console) -> None:
    """Prints a block a row: a line for each column that holds something."""
    for number, row in enumerate(records(answer), 1):
        console.rule(f"{number}", align="left", style="dim")
        grid = Table.grid(padding=(0, 2))
        for name, value in row.items():
            if value is not None:
                grid.add_row(Text(name, style="bold"), Text(shown(value), overflow="fold"))
        console.print(grid)


def records(answer: pa.Table) -> Iterator[dict[str, Any]]:
    """Gives the rows as JSON's own types, a batch at a time so that a long answer needs little memory."""
    for batch in unfolded(answer).to_batches(max_chunksize=BATCH):
        for row in zip(*[column.to_pylist(maps_as_pydicts="lossy") for column in batch.columns], strict=True):
            yield dict(zip(names(answer), map(plain, row), strict=True))


def names(answer: pa.Table) -> list[str]:
    """Gives the columns' names, a repeated one with its place behind it: the keys of an object differ."""
    given = answer.column_names
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
            return spelled(value)
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


def spelled(instant: datetime) -> str:
    """Spells an instant in ISO 8601, in UTC, with no more digits than it has."""
    digits = "microseconds" if instant.microsecond % 1000 else "milliseconds" if instant.microsecond else "seconds"
    return (instant.astimezone(UTC) if instant.tzinfo else instant).replace(tzinfo=None).isoformat("T", digits) + "Z"


def flat(value: Any) -> Any:
    """Gives a CSV field: nested values as JSON text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def shown(value: Any) -> str:
    """Gives the words of a cell: a dot for NULL, digits in groups, fractions to four places, instants to milliseconds.

    >>> shown(None), shown(1234567), shown(0.98765432), shown("2026-01-05T12:00:00.123456Z")
    ('·', '1,234,567', '0.9877', '2026-01-05 12:00:00.123Z')
    """
    match value:
        case None:
            return "·"
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4f}"
        case str():
            return f"{value[:10]} {value[11:-1][:12]}Z" if is_instant(value) else value
    return json.dumps(value, ensure_ascii=False)


def is_instant(text: str) -> bool:
    """Whether a text is an instant as `plain` writes them."""
    return len(text) >= 20 and text[4] == text[7] == "-" and text[10] == "T" and text[13] == ":" and text.endswith("Z")


def shortened(text: str, width: int | None) -> str:
    """Cuts a cell at its width; control characters would move a terminal's cursor, so they become spaces."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if width is None or len(text) <= width else text[: width - 1] + "…"
