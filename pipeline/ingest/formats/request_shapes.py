"""The table of how servers and proxies log one request, as SQL and as Python: see request_shapes.toml.

Every line becomes a JSON record first, and every record is read by the same list of field names.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

METHODS = "GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS"
TIME = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
STAMP = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?"
"How syslog writes an instant, without a year."
REQUEST_LINE = rf"^({METHODS}) (\S.*?)(?: HTTP/[\d.]+)?$"
SCALED = {"ms": 1.0, "s": 1000.0, "us": 0.001, "µs": 0.001, "ns": 0.000001}
"Milliseconds in one of a unit."
THOUSANDS = r"^(\d{1,3}),(\d{3})(?:,(\d{3}))?(\.\d+)?$"
"A number as Kibana exports it."
BETWEEN = "ns between"
"Where a duration is what lies between two instants in nanoseconds."
WITH_UNIT = r"^(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s)$"
SINGLE = ("method", "target", "request_line", "query", "status", "time", "client", "host", "request_id", "tenant_id")
FIELDS = (*SINGLE, "app_id", "request_body", "response_body")
TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
ASKED = ("method", "target", "request_line", "query", "status")
"What a record has in one place; time, client and the like may stand around it."
Name = tuple[str, ...]
"The members that lead to a value, from the outside in."


@dataclass(frozen=True)
class Shape:
    """The names under which one kind of server logs a request."""

    product: str
    marks: tuple[Name, ...]
    names: Mapping[str, tuple[Name, ...]]
    durations: tuple[tuple[str, tuple[Name, ...]], ...]
    is_rare: bool = False
    "Whether it is looked for only where a file's first records have it."
    "Each unit with the names that are added, or of which the second is subtracted from the first."

    @property
    def may_pair(self) -> bool:
        """Whether a request and its answer may stand in records of their own, both with all that marks the shape."""
        return set(self.marks) <= set(self.names["request_id"])

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Shape":
        """Reads a shape's table."""
        durations = [
            (BETWEEN if " - " in text else unit, tuple(map(name_of, re.split(" [+-] ", text))))
            for unit, texts in entry.get("duration", {}).items()
            for text in texts
        ]
        names = {field: tuple(map(name_of, entry.get(field, ()))) for field in FIELDS}
        marks = tuple(map(name_of, entry.get("marks", ())))
        return cls(entry["product"], marks, names, tuple(durations), entry.get("rare", False))

    def inside(self, outer: Name) -> "Shape":
        """Returns the shape of a record that stands in a member of another, which may have the rest beside it."""

        around = [outer[:depth] for depth in range(len(outer), -1, -1)]

        def longer(names: Iterable[Name], places: Iterable[Name] = around) -> tuple[Name, ...]:
            return tuple((*place, *name) for place in places for name in names)

        names = {field: longer(own, [outer] if field in ASKED else around) for field, own in self.names.items()}
        durations = tuple((unit, longer(parts, [place])) for place in around for unit, parts in self.durations)
        bodies: dict[str, tuple[Name, ...]] = {"request_body": (), "response_body": ()}
        return Shape(self.product, longer(self.marks), names | bodies, durations)


def name_of(text: str) -> Name:
    """Splits a name at its dots, up to an equals sign.

    >>> name_of("request.uri"), name_of("=url.path"), name_of("tags.=http.method")
    (('request', 'uri'), ('url.path',), ('tags', 'http.method'))
    """
    outer, sign, inner = text.partition("=")
    return (*filter(None, outer.split(".")), inner) if sign else tuple(text.split("."))


SHAPES = tuple(Shape.of(entry) for entry in TABLE["shape"])
OWN = len(SHAPES)
"The last shape's number: ours, of which bodies are read too."
ENVELOPES = tuple(name_of(text) for text in TABLE["envelopes"])
WRAPPED_AT = tuple(name_of(text) for text in TABLE["wrapped_at"])
RARE_ENVELOPES = tuple(name_of(text) for text in TABLE["rare_envelopes"])
RARE_WRAPPED_AT = tuple(name_of(text) for text in TABLE["rare_wrapped_at"])
TEXTS = tuple(entry["pattern"].replace("METHODS", METHODS) for entry in TABLE["text"] if "hint" not in entry)
HINTED = tuple(
    (entry["hint"].replace("METHODS", METHODS), entry["pattern"].replace("METHODS", METHODS))
    for entry in TABLE["text"]
    if "hint" in entry
)
PREFIXES = (
    "|".join(f"(?:{entry['pattern']})" for entry in TABLE["prefix"]).replace("TIME", TIME).replace("STAMP", STAMP)
)
PREFIX = rf"^(?:{PREFIXES}){{1,4}}"
"Up to four things that collectors put in front of a line."
COLOURS = r"\x1b\[[0-9;]*m"
GROUP = re.compile(r"\(\?P<(\w+)>")


def in_sql(pattern: str) -> str:
    """Writes a pattern as an SQL literal."""
    return "'" + pattern.replace("'", "''") + "'"


def groups(pattern: str) -> list[str]:
    """Lists the names of a pattern's groups in order."""
    return GROUP.findall(pattern)


def extracted(text: str, pattern: str) -> str:
    """Builds SQL for a struct of what a pattern's groups match in a text, each empty where it does not match."""
    return f"regexp_extract({text}, {in_sql(GROUP.sub('(', pattern))}, {groups(pattern)})"


class Values:
    """The JSON paths of all names, which one call extracts into a list `v`; DuckDB parses the record once for it."""

    def __init__(self, samples: Sequence[Mapping[str, Any]]) -> None:
        self._spellings: dict[Name, set[Name]] = {}
        for sample in samples:
            for place, (path, _) in members(sample).items():
                self._spellings.setdefault(place, set()).add(path)
        self._places: dict[str, int] = {}

    def first(self, names: Iterable[Name]) -> str:
        """Builds SQL for the first of some names that has a value; null for no name."""
        listed = self._listed(names)
        return f"coalesce({listed})" if listed else "null"

    def every(self, names: Iterable[Name]) -> str:
        """Builds SQL for the list of what some names have, in their order."""
        return f"[{self._listed(names)}]"

    def extract(self, record: str) -> str:
        """Builds SQL for the list of all values of a record."""
        return f"json_extract_string({record}, [{', '.join(in_sql(path) for path in self._places)}])"

    def spelled(self, names: Iterable[Name]) -> list[Name]:
        """Lists names as documented, and in whatever other case the samples have them."""
        return [path for name in names for path in [name, *sorted(self._spellings.get(folded(name), set()) - {name})]]

    def _listed(self, names: Iterable[Name]) -> str:
        """Lists the elements of `v` for some names, in every case."""
        return ", ".join(self._place(path) for path in self.spelled(names))

    def _place(self, path: Name) -> str:
        """Returns the element of `v` with the value under a path."""
        written = "$" + "".join(f'."{key}"' for key in path)
        return f"v[{self._places.setdefault(written, len(self._places) + 1)}]"


@lru_cache(maxsize=4096)
def folded(name: Name) -> Name:
    """Returns a name without regard to the case of its letters, and to the line that GELF has before its own."""
    return tuple(key.casefold().removeprefix("_") for key in name)


def members(record: Mapping[str, Any], outer: Name = ()) -> dict[Name, tuple[Name, Any]]:
    """Lists the members of a record and of the objects in it, five deep: each path, by that path without its case."""
    found: dict[Name, tuple[Name, Any]] = {}
    for key, value in record.items():
        if isinstance(key, str) and '"' not in key:
            path = (*outer, key)
            found.setdefault(folded(path), (path, value))
            if "." in key:
                found.setdefault(folded((*outer, *key.split("."))), (path, value))
            if isinstance(value, Mapping) and len(path) < 5:
                found |= members(value, path)
    return found


def shape_number(values: Values, shapes: Mapping[int, Shape], paired: bool) -> str:
    """Builds SQL for the number of the shape that reads a record; null where none does.

    Where requests and answers stand on lines of their own, an answer has the number of the first shape that it may be.
    """
    cases = []
    for number, shape in shapes.items():
        names = shape.names
        condition = f"{values.first(names['method'])} is not null and {values.first(names['target'])} is not null"
        if shape.marks:
            condition += f" and {values.first(shape.marks)} is not null"
        if names["request_line"]:
            line = values.first(names["request_line"])
            condition = f"({condition}) or regexp_matches({line}, {in_sql(REQUEST_LINE)})"
        cases.append(f"when {condition} then {number}")
    for number, shape in (shapes if paired else {}).items():
        parts = [values.first(shape.names[field]) for field in ("status", "request_id")]
        if "null" not in parts and shape.may_pair:
            cases.append(f"when {' and '.join(f'{part} is not null' for part in parts)} then {number}")
    return f"case {' '.join(cases)} end"


def by_shape(values: Values, shapes: Mapping[int, Shape], field: str) -> str:
    """Builds SQL for a field of a record, by the number of its shape."""
    texts: dict[str, list[int]] = {}
    for number, shape in shapes.items():
        if shape.names[field]:
            texts.setdefault(values.first(shape.names[field]), []).append(number)
    cases = " ".join(f"when shape in ({', '.join(map(str, numbers))}) then {text}" for text, numbers in texts.items())
    return f"case {cases} end"


def targets(values: Values, shapes: Mapping[int, Shape]) -> str:
    """Builds SQL for what was asked for: the name that has a query, else the first that has anything."""
    cases = " ".join(
        f"when {number} then coalesce(list_filter({listed}, lambda t: contains(t, '?'))[1], "
        f"{values.first(shape.names['target'])})"
        for number, shape in shapes.items()
        for listed in [values.every(shape.names["target"])]
    )
    return f"case shape {cases} end"


def durations(values: Values, shapes: Mapping[int, Shape]) -> str:
    """Builds SQL for a record's milliseconds, by its shape's names and their units."""
    cases = []
    for number, shape in shapes.items():
        parts = [
            between_sql(*(values.first([name]) for name in names))
            if unit == BETWEEN
            else " + ".join(milliseconds_sql(values.first([name]), unit) for name in names)
            for unit, names in shape.durations
        ]
        if parts:
            cases.append(f"when {number} then coalesce({', '.join(parts)})")
    return f"case shape {' '.join(cases)} end"


def between_sql(end: str, begin: str) -> str:
    """Builds SQL for the milliseconds between two instants in nanoseconds."""
    return f"(try_cast({end} as hugeint) - try_cast({begin} as hugeint)) / 1000000.0"


def number_sql(text: str) -> str:
    """Builds SQL for a number that may have commas between thousands."""
    return rf"try_cast(regexp_replace({text}, {in_sql(THOUSANDS)}, '\1\2\3\4') as double)"


def milliseconds_sql(text: str, unit: str) -> str:
    """Builds SQL for the milliseconds of a duration's text; a unit written behind the number comes first."""
    number = number_sql(text)
    if unit in SCALED:
        plain = f"{number} / {round(1 / SCALED[unit])}" if SCALED[unit] < 1 else f"{number} * {SCALED[unit]:.0f}"
    elif unit == "s.ms":
        plain = f"case when contains({text}, '.') then {number} * 1000 else {number} end"
    else:
        plain = f"""case
            when {number} >= 1000000 then {number} / 1000000
            when contains({text}, '.') and {number} < 1 then {number} * 1000
            when not contains({text}, '.') and {number} < 10000 then {number}
        end"""
    scales = " ".join(f"when '{name}' then {scale}" for name, scale in SCALED.items())
    suffixed = f"""try_cast(regexp_extract({text}, {in_sql(WITH_UNIT)}, 1) as double)
        * case regexp_extract({text}, {in_sql(WITH_UNIT)}, 2) {scales} end"""
    return f"case when {number} < 0 then null when {number} is not null then {plain} else {suffixed} end"


COMBINED = (
    r"^(?:(?P<host>[\w.-]+):\d+ |(?P<name>[\w-]+(?:\.[\w-]+)*\.[A-Za-z][\w-]*) )??(?P<client>\S+) \S+ "
    rf'(?:\S+|"[^"]*"|[^\s-]\S* \S+) \[(?P<time>\d[^\]]+)\] "(?P<method>{METHODS}) (?P<target>.+?)(?: HTTP/[\d.]+)?" '
    r"(?P<status>\d{3}) (?:\d+|-)"
)
"A combined or common line, also with the virtual host in front."
PAIR = r'([\w.@/-]+)=("(?:[^"\\]|\\.)*"|\S*)'
"A member of a line of logfmt."
MONOLOG = r"^[^{]*(\{.*\}) (?:\[\]|\{[^{}]*\})$"
"A line of Monolog's: the context is an object, what is added behind it a list or another."
LTSV = r"^\w+:[^\t]*\t(?:\w+:[^\t]*\t?)+$"
"Labelled cells between tabs."
