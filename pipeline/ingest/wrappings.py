"""What tools put around records: a page's body, a search's result, a table of columns and rows, JSON inside text.

Which it is follows from the file's own structure: the way is searched that leads from what stands in the file to
records that a source knows. DuckDB then goes that way and writes the records as lines, which are read as any others.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline.ingest.characters import fit_json
from pipeline.ingest.formats.source import Source, row_texts, text, texts
from pipeline.ingest.layout import Head
from pipeline.ingest.pieces import Piece, memory_file
from pipeline.store.lake import Cursor, stage

DEPTH = 4
"Members that are gone into."
SAMPLES = 40
LONGEST_LINE = 1 << 24
"Bytes of a line that DuckDB reads."
MOST = 200
Kind = Literal["member", "each", "text", "rows", "row", "pairs", "fields", "stamped", "behind"]
Samples = Sequence[object]


@dataclass(frozen=True)
class Step:
    """One step from what stands in a file to its records."""

    kind: Kind
    key: str = ""
    "The member's name."
    columns: tuple[str, ...] = ()
    "The names of a table's columns."

    def values(self, value: Any) -> list[object]:
        """Returns what the step leads to from one value; nothing where it leads nowhere."""
        if self.kind == "member":
            return [value[self.key]] if isinstance(value, Mapping) and self.key in value else []
        if self.kind == "each":
            return value if isinstance(value, list) else [value]
        if self.kind == "rows":
            rows = member_of(value, "rows")
            return [dict(zip(self.columns, row, strict=False)) for row in rows or [] if isinstance(row, list)]
        if self.kind == "row":
            return [dict(zip(self.columns, value, strict=False))] if isinstance(value, list) else []
        if self.kind == "stamped":
            return [{STAMP: stamp_of(value[0]), **value[1]}] if is_stamped(value) else []
        if self.kind == "fields":
            return [fields_of(value)] if is_fields(value) else []
        if self.kind == "pairs":
            return [with_fields(value)] if isinstance(value, Mapping) else []
        behind = value[value.find("{") :] if self.kind == "behind" and isinstance(value, str) else value
        parsed = parsed_text(behind)
        return [] if parsed is None else [parsed]

    def sql(self, relation: str) -> str:
        """Builds SQL that takes the step from the column `record` of a relation."""
        if self.kind == "member":
            return f"select json_extract(record, {text(path_of(self.key))}) as record from ({relation})"
        if self.kind == "each":
            listed = "case when json_type(record) = 'ARRAY' then cast(record as json[]) else [record] end"
            return f"select unnest({listed}) as record from ({relation})"
        if self.kind == "text":
            return f"select try_cast(record->>'$' as json) as record from ({relation})"
        if self.kind == "behind":
            behind = "substr(record, nullif(strpos(record, '{'), 0))"
            return f"select try_cast({behind} as json) as record from ({relation})"
        if self.kind == "stamped":
            stamp = "coalesce(json_extract(record, '$[0][0]'), json_extract(record, '$[0]'))"
            return f"select {merged(text(STAMP), stamp, 'record->1')} as record from ({relation})"
        if self.kind == "fields":
            return f"select {fields_sql('record')} as record from ({relation})"
        if self.kind == "pairs":
            for name in self.columns:
                path = text(path_of(name))
                fields = fields_sql(f"json_extract(record, {path})")
                other = merged(text(name), fields, "record", last=True)
                kept = f"case when json_type(record, {path}) = 'ARRAY' then {other} else record end"
                relation = f"select {kept} as record from ({relation})"
            return relation
        packed = ", ".join(f"{text(name)}, row_values->{place}" for place, name in enumerate(self.columns))
        if self.kind == "row":
            return f"select json_object({packed}) as record from (select record as row_values from ({relation}))"
        both = ", ".join(f"json_extract(record, '$.{name}')" for name in ("rows", "Rows"))
        rows = f"select unnest(cast(coalesce({both}) as json[])) as row_values from ({relation})"
        return f"select json_object({packed}) as record from ({rows})"


Route = tuple[Step, ...]


def routed(head: Head, knows: Callable[[Head], Source | None]) -> Head:
    """Returns a head whose records a source knows, by the shortest way into what stands in the file; else the head."""
    if head.layout == "text":
        if (found := of_lines_of_values(head)) is not None and knows(found):
            return found
        # Logs of requests are read as text, with the instants in front of the lines.
        behind = of_lines_behind(head)
        if behind is not None and (source := knows(behind)) is not None and source.of_lines is None:
            return behind
    if head.tuples:
        found = replace(head, samples=objects_in(head.tuples), route=(STAMPED,))
        return found if knows(found) else head
    samples = head.samples or head.rows
    if knows(head) or not samples:
        return head
    begin = (Step("member", head.wrapper), Step("each")) if head.wrapper else ()
    ways: list[tuple[Route, list[Any]]] = [(begin, list(samples[:SAMPLES]))]
    for depth in range(DEPTH + 1):
        if depth:
            ways = [further for route, samples in ways for further in ways_on(route, samples)]
        for route, samples in (*ways, *ways_with_fields(ways)):
            found = replace(head, samples=samples[:MOST], rows=[], wrapper=None, route=route)
            if (depth or route != begin) and knows(found):
                return found
    return head


def objects_in(tuples: Sequence[object]) -> list[Mapping[str, Any]]:
    """Returns the records of lists of an instant and a record each."""
    return [one for each in tuples for one in STAMPED.values(each) if isinstance(one, Mapping)]


def ways_with_fields(ways: Sequence[tuple[Route, list[Any]]]) -> Iterator[tuple[Route, list[Any]]]:
    """Yields the ways to objects that have lists of names and values, with the objects that these make."""
    for route, samples in ways:
        names = [str(name) for sample in samples for name, value in sample.items() if is_fields(value)]
        if names:
            yield along(route, samples, Step("pairs", columns=tuple(dict.fromkeys(names))))


def of_lines_of_values(head: Head) -> Head | None:
    """Returns the head of lines of JSON that are no objects but texts of some, or an instant and an object each."""
    for step in (Step("text"), STAMPED):
        found = [one for line in head.lines for one in step.values(value_of(line))]
        records = [one for one in found if isinstance(one, Mapping)]
        if records and 2 * len(records) > len(head.lines):
            return replace(head, layout="lines", samples=records[:MOST], lines=(), route=(step,))
    return None


def of_lines_behind(head: Head) -> Head | None:
    """Returns the head of lines of JSON objects behind what a collector put in front of them."""
    lines = [line for line in head.lines if "\0" not in line]
    records = [one for line in lines for one in BEHIND.values(line) if isinstance(one, Mapping) and one]
    return replace(head, layout="lines", samples=records[:MOST], lines=(), route=(BEHIND,)) if records else None


def value_of(line: str) -> object:
    """Parses a line of JSON; None for anything else."""
    try:
        value: object = fit_json(line)
    except (ValueError, RecursionError):
        return None
    return value


def ways_on(route: Route, samples: Samples) -> Iterator[tuple[Route, list[Any]]]:
    """Yields the ways from some objects into each of their members that holds others, with what they lead to."""
    for columns in {columns_of(sample) for sample in samples} - {()}:
        yield along(route, samples, Step("rows", columns=columns))
    for key in dict.fromkeys(key for sample in samples if isinstance(sample, Mapping) for key in sample):
        step = Step("member", str(key))
        inner = [value for sample in samples for value in step.values(sample)]
        steps: Route = (step,)
        if any(parsed_text(value) is not None for value in inner):
            steps, inner = (*steps, Step("text")), [one for value in inner for one in Step("text").values(value)]
        if any(isinstance(value, list) for value in inner):
            steps, inner = (*steps, Step("each")), [one for value in inner for one in Step("each").values(value)]
            if not any(isinstance(value, Mapping) for value in inner):
                parsed = [one for value in inner for one in Step("text").values(value)]
                steps, inner = ((*steps, Step("text")), parsed) if parsed else (steps, inner)
        if inner and all(is_fields(value) for value in inner):
            steps, inner = (*steps, Step("fields")), [one for value in inner for one in Step("fields").values(value)]
        if inner and all(is_stream_entry(value) for value in inner):
            steps, inner = (*steps, STREAM_ENTRY), [one for value in inner for one in STREAM_ENTRY.values(value)]
        objects = [value for value in inner if isinstance(value, Mapping)]
        if objects:
            yield (*route, *steps), objects


BEHIND = Step("behind")
"An object at the end of a line of text."
STAMP = "date"
"The name under which Fluent Bit writes a record's instant inside it."
STAMPED = Step("stamped")
"How Fluent Bit forwards a record: a list of its instant, maybe with metadata, and the record."
FIELD_NAMES, FIELD_VALUES = ("key", "field", "name"), ("value",)
"What a list of names and values calls them, in OpenTelemetry, CloudWatch, Jaeger and HAR."
TYPED = ("stringValue", "intValue", "doubleValue", "boolValue")
"How OpenTelemetry writes a value with its type."


def is_stamped(value: object) -> bool:
    """Whether a value is a list of an instant and a record."""
    return isinstance(value, list) and len(value) == 2 and is_stamp(value[0]) and isinstance(value[1], Mapping)


def is_stamp(value: object) -> bool:
    """Whether a value is an instant in seconds, by itself or in a list with metadata."""
    return is_stamp(value[0]) if isinstance(value, list) and value else isinstance(value, int | float)


def stamp_of(value: Any) -> object:
    """Returns the instant before a record."""
    return value[0] if isinstance(value, list) else value


def is_fields(value: object) -> bool:
    """Whether a value is a list of objects of a name and a value each."""
    return isinstance(value, list) and bool(value) and all(field_of(one) is not None for one in value)


def field_of(value: object) -> tuple[str, object] | None:
    """Returns the name and the value that an object holds; None where it is no such object."""
    if not isinstance(value, Mapping) or FIELD_VALUES[0] not in value or len(value) > 3:
        return None
    name = next((value[one] for one in FIELD_NAMES if isinstance(value.get(one), str)), None)
    held = value[FIELD_VALUES[0]]
    typed = [held[one] for one in TYPED if one in held] if isinstance(held, Mapping) else []
    return None if name is None else (name, typed[0] if typed else held)


def fields_of(value: Sequence[object]) -> dict[str, object]:
    """Returns the object that a list of names and values makes."""
    return dict(field for one in value if (field := field_of(one)) is not None)


def with_fields(value: Mapping[str, object]) -> dict[str, object]:
    """Returns an object whose lists of names and values are objects."""
    return {name: fields_of(one) if isinstance(one, list) and is_fields(one) else one for name, one in value.items()}


def fields_sql(listed: str) -> str:
    """Builds SQL for the object that a list of names and values makes."""
    name = f"coalesce({', '.join(f'x->>{text(one)}' for one in FIELD_NAMES)})"
    held = f"coalesce({', '.join(f'x->{text(FIELD_VALUES[0])}->{text(one)}' for one in TYPED)}, x->'value', 'null')"
    members = f"list_transform(cast({listed} as json[]), lambda x: to_json({name})::varchar || ':' || {held}::varchar)"
    return f"try_cast('{{' || array_to_string({members}, ',') || '}}' as json)"


def merged(name: str, value: str, record: str, last: bool = False) -> str:
    """Builds SQL for a record with one member more, which stands before its own or, if `last`, in place of it."""
    member = f"json_object({name}, {value})"
    return f"json_merge_patch({record}, {member})" if last else f"json_merge_patch({member}, {record})"


STREAM_ENTRY = Step("row", columns=("timestamp", "line"))
"How Loki answers: a list of an instant and a line."


def is_stream_entry(value: object) -> bool:
    """Whether a value is one line of an answer of Loki's."""
    return isinstance(value, list) and len(value) > 1 and all(isinstance(one, str) for one in value[:2])


def along(route: Route, samples: Samples, step: Step) -> tuple[Route, list[Any]]:
    """Takes one step more on a way."""
    return (*route, step), [value for sample in samples for value in step.values(sample)]


def values_along(value: object, route: Route) -> list[object]:
    """Returns what a way leads to from one value; the value itself, which is then no record, where it leads nowhere."""
    values = [value]
    for step in route:
        values = [inner for one in values for inner in step.values(one)]
    return values or [value]


def columns_of(value: object) -> tuple[str, ...]:
    """Returns the columns' names of a table that is an object of columns and rows; nothing for anything else."""
    columns = member_of(value, "columns")
    if not isinstance(columns, list) or not isinstance(member_of(value, "rows"), list):
        return ()
    names = [member_of(column, "name") or member_of(column, "columnname") for column in columns]
    return tuple(map(str, names)) if all(names) else ()


def member_of(value: object, name: str) -> Any:
    """Returns a member of an object, whatever its case."""
    members = value.items() if isinstance(value, Mapping) else ()
    return next((inner for key, inner in members if str(key).casefold() == name), None)


def parsed_text(value: object) -> object:
    """Parses an object or a list that is kept as text; None for anything else."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        parsed: object = fit_json(value)
    except (ValueError, RecursionError):
        return None
    return parsed


def path_of(key: str) -> str:
    """Writes the JSON path of a member."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


@contextmanager
def as_lines(cursor: Cursor, piece: Piece, head: Head) -> Iterator[Piece]:
    """Writes the records of a piece as JSON lines into memory, in DuckDB; a value that is no record is null there.

    Raises Unreadable where DuckDB refuses the piece.
    """
    layout = {"lines": "newline_delimited", "array": "array"}.get(head.layout, "unstructured")
    forgiving = ", ignore_errors = true" if head.layout == "lines" else ""
    # DuckDB has a buffer of twice as much for each of its threads.
    biggest = min(piece.size + 1024, LONGEST_LINE) if head.layout == "lines" else piece.size + 1024
    records = (
        f"select json as record from read_json({texts([piece.file])}, format = '{layout}', "
        f"compression = 'uncompressed', columns = {{json: 'JSON'}}, records = false, "
        f"maximum_object_size = {biggest}{forgiving})"
    )
    if head.route[:1] == (BEHIND,):
        records = (
            f"select line as record from read_csv({text(piece.file)}, {ONE_CELL}, auto_detect = false, "
            f"columns = {{line: 'VARCHAR'}}, max_line_size = {biggest}, parallel = false, strict_mode = false)"
        )
    if head.layout == "csv":
        records = f"select line::json as record from ({row_texts(piece.file, head, 0)})"
    if head.wrapper is not None:
        records = Step("each").sql(Step("member", head.wrapper).sql(records))
    for step in head.route:
        records = step.sql(records)
    handle = memory_file(b"")
    try:
        lines = f"/proc/self/fd/{handle}"
        stage(cursor, f"copy (select coalesce(json(record), 'null') from ({records})) to '{lines}' ({AS_IT_IS})")
        with open(lines, "rb") as stream:
            stream.seek(0, 2)
            size = stream.tell()
        yield Piece(lines, 0, size, b"\n")
    finally:
        os.close(handle)


AS_IT_IS = "format csv, header false, delimiter e'\\x01', quote '', escape '', use_tmp_file false"
ONE_CELL = "header = false, delim = e'\\x01', quote = '', escape = ''"
