"""What a source is: how it is recognised, the record it carries and the SQL that turns records into rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.records.wire import Wire, columns, quoted, selection, spelling
from pipeline.sources.head import Head

Table = Literal["events", "exchanges", "job_snapshots"]
Samples = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Source:
    """One wire shape."""

    name: str
    "As it stands in events.source and files.source."
    table: Table
    "Where its rows go."
    record: type[Wire]
    "The model that types the fast reader and judges the suspects."
    recognises: Callable[[Head], bool]
    told: Callable[[str], str]
    "From a relation of records to the relation that the table's rows are made of; see sources/events.py and its like."
    renames: Callable[[Head], Mapping[str, str]] | None = None
    "From the model's fields to a CSV's columns, where names alone do not tell."

    def renamed(self, head: Head, value: object) -> object:
        """Gives a CSV's row under the model's names; any other record as it is."""
        if self.renames is None or not isinstance(value, Mapping):
            return value
        return {field: value.get(column) for field, column in self.renames(head).items()}


def reader(source: Source, file: str, head: Head, biggest: int) -> str:
    """Gives SQL for the records of a JSON file: `ordinal` and the model's fields, one row a record, in file order.

    A record that cannot be read is a row of nulls. `biggest` is the longest record allowed, in bytes.
    """
    types = columns(source.record, head.samples)
    if head.wrapper is None:
        read = read_json(file, head, types, biggest)
        fields = ", ".join(selection(source.record, head.samples))
        return f"select {fields} from {read}"
    members = ", ".join(f'"{key}" {held}' for key, held in types.items())
    read = read_json(file, head, {head.wrapper: f"STRUCT({members})[]"}, biggest)
    fields = ", ".join(selection(source.record, head.samples, owner="record."))
    unwrapped = f'select unnest(coalesce("{head.wrapper}", [null])) as record from {read}'
    return f"select {fields} from ({unwrapped})"


def csv_reader(source: Source, file: str, head: Head) -> str:
    """Gives SQL for the rows of a CSV under the model's names; an empty cell is null."""
    spelled = [dict.fromkeys(head.header)]
    kinds = columns(source.record)
    cells = [
        f"try_cast(nullif({quoted(key)}, '') as {kinds[name]}) as {quoted(name)}" if key in head.header
        else f"null::{kinds[name]} as {quoted(name)}"
        for name, field in source.record.model_fields.items()
        for key in [spelling(name, field, spelled)]
    ]
    return f"select {', '.join(cells)} from {read_csv(file)}"


def read_csv(file: str) -> str:
    """Gives the call that reads a CSV of Microsoft's: quoted cells may hold line ends; a short row is padded."""
    return (
        f"read_csv({text(file)}, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', "
        "null_padding = true, parallel = false, strict_mode = false, max_line_size = 67108864, compression = 'none')"
    )


def read_json(file: str, head: Head, types: Mapping[str, str], biggest: int) -> str:
    """Gives the call of DuckDB's typed JSON reader that suits the layout; types name the keys as the file spells them."""
    layout = {"lines": "newline_delimited", "array": "array"}.get(head.layout, "unstructured")
    listed = ", ".join(f"{text(key)}: {text(held)}" for key, held in types.items())
    forgiving = ", ignore_errors = true, records = true" if layout == "newline_delimited" else ""
    return (
        f"read_json({text(file)}, format = '{layout}', compression = 'uncompressed', columns = {{{listed}}}, "
        f"maximum_object_size = {biggest}, maximum_depth = -1{forgiving})"
    )


def text(value: str) -> str:
    """Writes a text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
