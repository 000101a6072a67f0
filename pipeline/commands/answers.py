"""Prints an answer: a table for a person, or JSON, CSV and Parquet for programs.

Instants are the store's naive UTC: they are written in ISO 8601 with a Z, and without fractions where there are none.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.commands import terminal
from pipeline.config.errors import InvalidRequest
from pipeline.store import export
from pipeline.store.export import names, records
from pipeline.store.lake import Store

ROWS_SHOWN = 50
RECORDS_SHOWN = 10
CELL_WIDTH = 48


def print_answer(answer: pa.Table, console: Console, has_more: bool = False) -> None:
    """Prints a table for a person; on a terminal what does not fit becomes one record below another.

    `has_more` says that the answer has rows beyond these.
    """
    shown = answer.num_rows
    if not console.is_terminal:
        console = Console(file=console.file, width=10_000, color_system=None, markup=False, emoji=False)
        console.print(drawn(answer, answer.num_rows, None), soft_wrap=True)
    elif fits(answer, console.width):
        shown = min(answer.num_rows, ROWS_SHOWN)
        console.print(drawn(answer.slice(0, ROWS_SHOWN), ROWS_SHOWN, CELL_WIDTH))
    else:
        shown = min(answer.num_rows, RECORDS_SHOWN)
        print_records(answer.slice(0, shown), console)
    left = answer.num_rows - shown
    if left or has_more:
        number = (
            f"more than {left:,} more rows" if has_more and left else "more rows" if has_more else f"{left:,} more rows"
        )
        console.print(f"… and {number}; --csv, --json or --parquet FILE give all of them.", style="dim")


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


def shown(value: Any) -> str:
    """Writes a cell: a dot for NULL, digits in groups, fractions to four places, instants to milliseconds.

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
    """Cuts a cell at its width."""
    text = printable(text)
    return text if width is None or len(text) <= width else text[: width - 1] + "…"


def printable(text: str) -> str:
    r"""Puts spaces in place of control characters, which would move a terminal's cursor.

    >>> printable("a\x1b[31m\nb")
    'a [31m b'
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)


def output(
    store: Store, sql: str, values: Mapping[str, Any] | None, as_json: bool, as_csv: bool, parquet: Path | None
) -> None:
    """Answers a question in the chosen form: a screen has its first rows, a file or a program all, as they come."""
    if as_json + as_csv + (parquet is not None) > 1:
        raise InvalidRequest("Give one of --json, --csv and --parquet.")
    if parquet is not None:
        terminal.check_file_to_write(parquet, "answer.parquet")
    elif not (as_json or as_csv):
        rows, has_more = store.first_rows(sql, values)
        with terminal.closed_pipe_is_fine():
            print_answer(rows, terminal.page(), has_more)
        return
    with store.stream(sql, values) as answer, terminal.rows_bar() as count, terminal.closed_pipe_is_fine():
        counted = export.counted(answer, count)
        if parquet is not None:
            print(f"{parquet}: {export.write_parquet(counted, parquet):,} rows", file=sys.stderr)
        elif as_json:
            export.write_json(counted, sys.stdout)
        else:
            export.write_csv(counted, sys.stdout)
