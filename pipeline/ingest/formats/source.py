"""What a source is: how it is recognised, the record it carries and the SQL that turns records into rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pipeline.ingest.layout import Head
from pipeline.ingest.records.wire import Wire, columns, quoted, selection, spelling

Table = Literal["events", "exchanges", "job_snapshots"]


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
    relation: Callable[[str], str]
    "From SQL of records to SQL of what the table's rows are made of; see formats/events.py and its like."
    of_lines: Callable[[str, Head], str] | None = None
    "The same from lines of text, for a source whose records are read as text: `number` and `line`."
    wider: Callable[[Head], Head | None] = lambda _head: None
    "Another head for a piece of which some lines could not be read by its own: reads them slower."
    passes_over: Callable[[object], bool] = lambda _record: False
    "Whether a record is of another kind, which is counted and no reject."
    renames: Callable[[Head], Mapping[str, str]] | None = None
    "From the model's fields to a CSV's columns, where names alone do not tell."

    def renamed(self, head: Head, value: object) -> object:
        """Returns a CSV's row under the model's names; any other record as it is."""
        if self.renames is None or not isinstance(value, Mapping):
            return value
        return {field: value.get(column) for field, column in self.renames(head).items()}


def reader(source: Source, files: Mapping[str, int], head: Head, biggest: int) -> str:
    """Builds SQL for the records of JSON files alike: `number` and the model's fields, one row a record, in order.

    `files` has each file's number. A record that cannot be read is a row of nulls. `biggest` is the longest record
    allowed, in bytes.
    """
    types = columns(source.record, head.first)
    which = f"list_extract({list(files.values())}, (file_index + 1)::bigint)"
    if head.wrapper is None:
        fields = ", ".join(selection(source.record, head.first))
        return f"select {which} as number, {fields} from {read_json(files, head, types, biggest)}"
    members = ", ".join(f"{quoted(key)} {kind}" for key, kind in types.items())
    read = read_json(files, head, {head.wrapper: f"STRUCT({members})[]"}, biggest)
    fields = ", ".join(selection(source.record, head.first, owner="record."))
    unwrapped = f"select {which} as number, unnest(coalesce({quoted(head.wrapper)}, [null])) as record from {read}"
    return f"select number, {fields} from ({unwrapped})"


def json_texts(files: Mapping[str, int], head: Head, biggest: int) -> str:
    """Builds SQL for the records of JSON documents alike as text: `number` and `line`, one row a record, in order."""
    which = f"list_extract({list(files.values())}, (file_index + 1)::bigint)"
    if head.wrapper is not None:
        read = read_json(files, head, {head.wrapper: "JSON[]"}, biggest)
        return f"select {which} as number, unnest({quoted(head.wrapper)})::varchar as line from {read}"
    layout = "array" if head.layout == "array" else "unstructured"
    read = f"read_json_objects({texts(files)}, format = '{layout}', compression = 'uncompressed', "
    return f"select {which} as number, json::varchar as line from {read}maximum_object_size = {biggest})"


def unwrapped_lines(lines: str, head: Head) -> str:
    """Builds SQL for the records in lines that each hold some of them under a key; a broken line stays as it is."""
    if head.wrapper is None:
        return lines
    path = text(f'$."{head.wrapper}"[*]')
    inner = f"case when json_valid(line) then json_extract(line, {path})::varchar[] else [line] end"
    return f"select number, unnest({inner}) as line from ({lines})"


@lru_cache(maxsize=8)
def reading_key(source: Source, head: Head) -> str:
    """Builds a text that is the same for two files that one reader may read together."""
    read = f"{source.name} {head.layout} {head.wrapper} {head.route} {head.date_order} {head.is_aligned}"
    if source.of_lines is not None:
        return f"{read} {source.of_lines('', head)}"
    types = columns(source.record, head.first)
    return f"{read} {types} {selection(source.record, head.first)}"


def csv_reader(source: Source, file: str, head: Head, number: int) -> str:
    """Builds SQL for the rows of a CSV under the model's names; an empty cell is null."""
    spelled = [dict.fromkeys(head.header)]
    kinds = columns(source.record)
    cells = [
        f"try_cast(nullif({quoted(key)}, '') as {kinds[name]}) as {quoted(name)}"
        if key in head.header
        else f"null::{kinds[name]} as {quoted(name)}"
        for name, field in source.record.model_fields.items()
        for key in [spelling(name, field, spelled)]
    ]
    return f"select {number} as number, {', '.join(cells)} from {read_csv(file, head.delimiter)}"


def row_texts(file: str, head: Head, number: int) -> str:
    """Builds SQL for the rows of a CSV as JSON records: `number` and `line`; a cell without text has no member."""
    if head.is_aligned:
        names = [name or f"border {place}" for place, name in enumerate(head.header)]
        cells = ", ".join(f"{text(name)}: nullif(trim({quoted(name)}), '')" for name in names if name in head.header)
        read = read_csv(file, head.delimiter, names)
    else:
        cells = ", ".join(f"{text(name)}: nullif({quoted(name)}, '')" for name in dict.fromkeys(head.header) if name)
        read = read_csv(file, head.delimiter)
    return f"select {number} as number, json({{{cells}}}::json)::varchar as line from {read}"


def read_csv(file: str, delimiter: str = ",", names: Sequence[str] = ()) -> str:
    """Builds the call that reads a CSV of Microsoft's: quoted cells may hold line ends; a short row is padded.

    By itself DuckDB has buffers of sixteen times the longest line, 64 MB each.
    """
    return (
        f"read_csv({text(file)}, header = true, all_varchar = true, delim = {text(delimiter)}, "
        "quote = '\"', escape = '\"', "
        "null_padding = true, parallel = false, strict_mode = false, max_line_size = 4194304, buffer_size = 8388608, "
        f"compression = 'none'{f', names = {texts(names)}' if names else ''})"
    )


def read_json(files: Iterable[str], head: Head, types: Mapping[str, str], biggest: int) -> str:
    """Builds the call of DuckDB's typed JSON reader that suits the layout; keys are named as the file spells them.

    Where it is not said that there are records, DuckDB 1.5 looks at them all the way down, and a hundred thousand
    brackets end the process.
    """
    layout = {"lines": "newline_delimited", "array": "array"}.get(head.layout, "unstructured")
    listed = ", ".join(f"{text(key)}: {text(kind)}" for key, kind in types.items())
    forgiving = ", ignore_errors = true" if layout == "newline_delimited" else ""
    return (
        f"read_json({texts(files)}, format = '{layout}', compression = 'uncompressed', "
        f"columns = {{{listed}}}, records = true, maximum_object_size = {biggest}, maximum_depth = -1{forgiving})"
    )


def texts(values: Iterable[str]) -> str:
    """Writes texts as an SQL list."""
    return f"[{', '.join(text(value) for value in values)}]"


def text(value: str) -> str:
    """Writes a text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
