"""Records of requests read one by one, in Python: to recognise a file, and for what SQL could not read.

The table of field names is request_shapes.toml; `request_shapes.py` writes it as SQL.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pipeline.ingest.formats.line_joins import joined_lines
from pipeline.ingest.formats.request_shapes import (
    BETWEEN,
    COLOURS,
    COMBINED,
    ENVELOPES,
    HINTED,
    LTSV,
    MONOLOG,
    OWN,
    PAIR,
    PREFIX,
    RARE_ENVELOPES,
    RARE_WRAPPED_AT,
    REQUEST_LINE,
    SCALED,
    SHAPES,
    TEXTS,
    THOUSANDS,
    WITH_UNIT,
    WRAPPED_AT,
    Name,
    Shape,
    folded,
    members,
)  # fmt: skip
from pipeline.ingest.formats.security_events import SECURITY, security_members
from pipeline.ingest.layout import Head

NESTED = 4
"Objects inside records that are read, of those that stand in a file's first records."
LONG = 4000
LOOKED_AT = 100
"First records of a file that show how the others are read."
Members = Mapping[Name, tuple[Name, Any]]


def value_at(record: Members, names: Iterable[Name]) -> Any:
    """Returns the value of the first of some names that a record's members have one for; None where there is none."""
    found = (record[folded(name)][1] for name in names if folded(name) in record)
    return next((value for value in found if value is not None), None)


def request_of(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Reads a record by the table; returns it under the names of our own form, or None where it is no request."""
    inside = members(record)
    found = read_by_any(inside)
    if found is None and (shape := nested_shape(record)) is not None:
        return read_by(members(opened(record)), shape)
    return found


def read_by_any(inside: Members) -> dict[str, Any] | None:
    """Reads the members of a record by the first shape of the table that it has; returns None where it has none."""
    return next((found for shape in SHAPES if (found := read_by(inside, shape)) is not None), None)


def read_by(inside: Members, shape: Shape) -> dict[str, Any] | None:
    """Reads the members of a record by one shape; returns None where it is not of that shape."""
    found = {field: value_at(inside, names) for field, names in shape.names.items()}
    line = re.match(REQUEST_LINE, found["request_line"]) if isinstance(found["request_line"], str) else None
    if line is not None:
        target = found["target"] if is_path(found["target"]) else line[2]
        found |= {"method": found["method"] or line[1], "target": target}
    if found["method"] is None or found["target"] is None:
        return None
    if shape.marks and value_at(inside, shape.marks) is None:
        return None
    return own_form(inside, shape, found, shape is SHAPES[OWN - 1] and line is None)


def is_path(target: object) -> bool:
    """Whether a target is a path or an address."""
    return isinstance(target, str) and (target.startswith("/") or "://" in target)


def nested_shape(record: Mapping[str, Any]) -> Shape | None:
    """Finds the shape of a record one of whose objects, or texts of JSON, is a request; None where none is."""
    inside = members(opened(record))
    if (found := shape_of(inside)) is not None:
        return found
    for path, inner in inside.values():
        if isinstance(inner, Mapping) and len(path) < 3 and (found := shape_of(members(inner))) is not None:
            return found.inside(path)
    return None


def shape_of(inside: Members) -> Shape | None:
    """Finds the shape of the table that a record's members have."""
    return next((shape for shape in SHAPES if read_by(inside, shape) is not None), None)


def opened(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a record whose texts of JSON objects are the objects."""
    parsed = {name: object_in(value) for name, value in record.items() if (name,) not in ENVELOPES}
    return {**record, **{name: value for name, value in parsed.items() if value is not None}}


def object_in(value: object) -> Mapping[str, Any] | None:
    """Parses a text of a JSON object; returns None for anything else."""
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) else None


@dataclass(frozen=True)
class Reading:
    """How the records of a file are read: what its first ones show beyond the table."""

    shapes: Mapping[int, Shape] = field(default_factory=lambda: dict(enumerate(SHAPES, 1)))
    "By their numbers in the table, those of objects inside records behind it."
    texts: tuple[str, ...] = ()
    "Members that hold a JSON object as text."
    paired: bool = False
    "Whether a request and its answer stand on lines of their own, with one request id."
    samples: Sequence[Mapping[str, Any]] = ()
    "The first records, of lines of text what they hold."
    texts_of_lines: tuple[str, ...] = ()
    "Patterns of texts that few logs have."
    envelopes: tuple[Name, ...] = ENVELOPES
    wrapped_at: tuple[Name, ...] = WRAPPED_AT
    of_security: bool = False
    "Whether it has lines of CEF or LEEF."

    @classmethod
    @lru_cache(maxsize=8)
    def of_head(cls, head: Head) -> "Reading":
        """Finds out from a file's beginning how its records are read."""
        samples: Sequence[Mapping[str, Any]] = head.samples or head.rows
        lines = list(joined_lines(head.lines)) if head.lines else [line for one in samples for line in lines_in(one)]
        lines = [line[:LONG] for line in lines[: 2 * LOOKED_AT]]
        held = [record for line in lines if (record := record_in(line)) is not None]
        found = cls.of(samples or held)
        rare = [shape_of(members(record)) for record in held[:LOOKED_AT]] if samples else []
        shapes = {number: one for number, one in enumerate(SHAPES, 1) if one.is_rare and one in rare}
        named = {name for one in samples[:LOOKED_AT] for name in members(one)}
        return replace(
            found,
            shapes=dict(sorted({**found.shapes, **shapes}.items())),
            samples=[*samples, *held],
            paired=found.paired or is_paired(held),
            texts_of_lines=tuple(pattern for hint, pattern in HINTED if any(re.search(hint, line) for line in lines)),
            envelopes=(*ENVELOPES, *(name for name in RARE_ENVELOPES if folded(name) in named)),
            wrapped_at=(*WRAPPED_AT, *(name for name in RARE_WRAPPED_AT if folded(name) in named)),
            of_security=any(re.search(SECURITY, line) for line in lines),
        )

    @classmethod
    def of(cls, samples: Sequence[Mapping[str, Any]]) -> "Reading":
        """Finds out from a file's first records how they are read."""
        samples = samples[:LOOKED_AT]
        found = [shape_of(members(sample)) for sample in samples]
        nested: dict[tuple[Name, ...], Shape] = {}
        texts: dict[str, None] = {}
        for sample, shape in zip(samples, found, strict=True):
            if shape is None and (inner := nested_shape(sample)) is not None:
                if inner not in SHAPES and len(nested) < NESTED:
                    nested.setdefault(inner.names["method"] + inner.names["request_line"], inner)
                texts |= dict.fromkeys(key for key, value in sample.items() if object_in(value) is not None)
        # Every name that is looked for costs time; a record of a shape that none of many has is read by the model.
        is_told = 2 * sum(shape is not None for shape in found) > len(found)
        every = dict(enumerate(SHAPES, 1))
        shapes = {
            number: one
            for number, one in every.items()
            if number == OWN or one in found or not (is_told or one.is_rare)
        }
        shapes |= dict(enumerate(nested.values(), OWN + 1))
        return cls(shapes, tuple(texts), is_paired(samples))


def is_paired(samples: Iterable[Mapping[str, Any]]) -> bool:
    """Whether some request without a status has its status in another record, by the same request id."""
    asked, answered = set[str](), set[str]()
    for sample in samples:
        inside = members(sample)
        for shape in SHAPES:
            number = None if not shape.may_pair else value_at(inside, shape.names["request_id"])
            if number is None:
                continue
            has_status = value_at(inside, shape.names["status"]) is not None
            if has_status:
                answered.add(str(number))
            elif read_by(inside, shape) is not None:
                asked.add(str(number))
    return bool(asked & answered)


def own_form(record: Members, shape: Shape, found: dict[str, Any], with_bodies: bool) -> dict[str, Any]:
    """Builds our own form of a record of some shape."""
    listed = [value_at(record, [name]) for name in shape.names["target"]]
    target = next((text for text in listed if is_path(text) and "?" in text), found["target"])
    durations = (
        sum(part for part in parts if part is not None)
        for unit, names in shape.durations
        for parts in [milliseconds_of([value_at(record, [name]) for name in names], unit)]
        if None not in parts
    )
    told = {field: found[field] for field in ("method", "status", "client", "host", "request_id", "query")}
    told |= {field: found[field] for field in ("tenant_id", "app_id")}
    told |= {"time": iso(found["time"]), "path": target, "duration_ms": next(durations, None)}
    if with_bodies:
        told |= {field: found[field] for field in ("request_body", "response_body")}
    return told


def iso(value: object) -> object:
    """Returns an instant in ISO 8601 where it is a Unix time or an access log's; anything else as it is.

    >>> iso(1772442842.118)
    '2026-03-02T09:14:02.118000+00:00'
    """
    text = str(value).strip("[] ")
    try:
        if re.fullmatch(r"\d{9,19}(?:\.\d+)?", text):
            return datetime.fromtimestamp(
                float(text) / 1000 ** max(0, (len(text.split(".")[0]) - 8) // 3), UTC
            ).isoformat()
        if re.match(r"\d\d/[A-Z][a-z]{2}/\d{4}:", text):
            return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").isoformat()
        if re.match(r"[A-Z][a-z]{2} \d{1,2}, \d{4} @ ", text):
            return datetime.strptime(text, "%b %d, %Y @ %H:%M:%S.%f").isoformat()
    except (ValueError, OverflowError, OSError):
        return value
    return value


def peeled(line: str) -> str:
    """Takes off a line what collectors put in front of it, unless syslog's structured data there is the request."""
    plain = re.sub(COLOURS, "", line)
    match = re.match(PREFIX, plain)
    if match is None or 'ethod="' in match[0]:
        return plain.lstrip()
    rest = plain[match.end() :].strip()
    return rest.rstrip(" ]") if re.search(r"\[\d{10}", match[0]) else rest


def reads_as_request(line: str) -> str | None:
    """Returns what a line asks for, where some shape reads it; None for a line that is no request."""
    rest = peeled(line)
    if rest.startswith("{"):
        try:
            record = json.loads(rest)
        except (ValueError, RecursionError):
            return None
        if not isinstance(record, Mapping):
            return None
        if (found := request_of(record)) is not None:
            return str(found["path"])
        return wrapped_request(record)
    if match := re.search(COMBINED, rest):
        return match["target"]
    if re.search(SECURITY, line) is None:
        hinted = (pattern for hint, pattern in HINTED if re.search(hint, line))
        for pattern in (*hinted, *TEXTS):
            if match := re.search(pattern, rest):
                return match["target"]
    inner = record_in(line)
    found = None if inner is None else request_of(inner)
    return None if found is None else str(found["path"])


def record_in(line: str) -> Mapping[str, Any] | None:
    """Reads the record that a line holds behind what a collector put in front; None where it holds none."""
    if re.search(SECURITY, line):
        return security_members(line)
    rest = peeled(line)
    if rest.endswith("}") and (inner := object_in(rest[rest.find("{") :])) is not None:
        return inner
    if (match := re.match(MONOLOG, rest)) and (inner := object_in(match[1])) is not None:
        return inner
    if re.match(LTSV, rest):
        return dict(cell.split(":", 1) for cell in rest.split("\t") if ":" in cell)
    pairs = {key: value.strip('"') for key, value in re.findall(PAIR, rest)} if "=" in rest else {}
    return pairs or None


def lines_in(record: Mapping[str, Any]) -> list[str]:
    """Lists the lines that a record holds as texts."""
    inside = members(record)
    return [line for name in (*ENVELOPES, *RARE_ENVELOPES) if (line := line_of(value_at(inside, [name])))]


def wrapped_request(record: Mapping[str, Any]) -> str | None:
    """Returns what the line asks for that a record holds as a text; None where it holds no request."""
    inside = members(record)
    for name in (*ENVELOPES, *RARE_ENVELOPES):
        inner = line_of(value_at(inside, [name]))
        if inner and (found := reads_as_request(inner)) is not None:
            return found
    return None


def line_of(value: object) -> str:
    """Returns the line that a member holds: a text, or the bytes that journald writes where colours are in it."""
    if isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        return bytes(value).decode("utf-8", "replace").strip()
    return value.strip() if isinstance(value, str) else ""


def milliseconds_of(values: Sequence[object], unit: str) -> list[float | None]:
    """Returns the milliseconds that are added for a duration; of two instants what lies between them."""
    if unit != BETWEEN:
        return [milliseconds(value, unit) for value in values]
    try:
        end, begin = (int(str(value)) for value in values)
    except ValueError:
        return [None]
    return [(end - begin) / 1_000_000]


def milliseconds(value: object, unit: str) -> float | None:
    """Returns the milliseconds of a duration, as `milliseconds_sql` does.

    >>> milliseconds("41.5ms", "auto"), milliseconds(41000000, "auto"), milliseconds("0.041", "s.ms")
    (41.5, 41.0, 41.0)
    """
    text = str(value)
    text = text.replace(",", "") if re.match(THOUSANDS, text) else text
    if match := re.match(WITH_UNIT, text):
        return float(match[1]) * SCALED[match[2]]
    try:
        number = float(text)
    except ValueError:
        return None
    if number < 0:
        return None
    if unit in SCALED:
        return number * SCALED[unit]
    fraction = "." in text
    if unit == "s.ms":
        return number * 1000 if fraction else number
    if number >= 1_000_000:
        return number / 1_000_000
    if fraction:
        return number * 1000 if number < 1 else None
    return number if number < 10_000 else None
