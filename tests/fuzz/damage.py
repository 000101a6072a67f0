"""Damage: what may be wrong with one record, said as a change of its members or of its text."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

Path = tuple[Any, ...]
UNPAIRED = st.text(st.characters(categories=["Cs"]), min_size=1, max_size=2)
ANY_TEXT = st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po", "Zs", "Cc", "Cf", "So", "Sk"]), max_size=12)
EDGES = (
    "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999-12:00", "0001-01-01T00:00:00Z", "0000-00-00T00:00:00Z",
    "1999-12-31T23:59:59Z", "2000-01-01T00:00:00+14:00", "1601-01-01T00:00:00Z", "2262-04-11T23:47:16.854Z",
    "2038-01-19T03:14:08Z", "2106-02-07T06:28:16Z", "+294247-01-10T04:00:54Z", "-4712-01-01T00:00:00Z",
    "2026-02-30T12:00:00Z", "2026-01-05T24:00:00Z", "2026-01-05T12:00:60Z", "2026-01-05T12:00:00+99:99", "now",
    "infinity", "epoch", "/Date(253402300800000)/", "/Date(9223372036854775807)/", "/Date(99999999999999999999)/",
    "/Date(-62135596800000)/", "12/31/9999 11:59:59 PM", "1772442842.118", "99999999999999999999", "P99999999999D",
    "10675199.02:48:05.4775807",
)  # fmt: skip
"Instants, and texts that look like some, at the edges of what libraries hold."
NUMBERS = (0, -1, 1.5, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, -(10**400), 1e308, math.inf, math.nan)
ODD: tuple[Any, ...] = (None, True, [], {}, [[]], [None], [{}], {"": ""}, {"value": None}, {"value": []}, "", " ", "[")
LONG = ("x" * 70_000, "é" * 40_000, '"' * 5_000, "\\" * 5_000, "\0" * 2_000)


def nested(depth: int) -> Any:
    """Builds a value that is nested so deep."""
    value: Any = 1
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return value


VALUES = st.one_of(
    st.sampled_from(EDGES),
    st.sampled_from(NUMBERS),
    st.sampled_from(ODD),
    ANY_TEXT,
    UNPAIRED,
    st.sampled_from(
        ["\0", "a\0b", "\ud83d\ude00 \ud83d", "\ufeff", "\u2028", "\x1b[31m", "%00%ff", "=1+1", "'; drop table"]
    ),
    st.sampled_from(LONG),
    st.integers(1, 200).map(nested),
)


def paths(value: Any, outer: Path = ()) -> Iterator[Path]:
    """Yields the way to every member of a record, the objects and lists in it included."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*outer, key)
        yield from paths(inner, (*outer, key))


def changed(record: Any, path: Path, value: Any) -> Any:
    """Copies a record with another value at a path."""
    if not path:
        return value
    copy = list(record) if isinstance(record, list) else dict(record)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def without(record: Any, path: Path) -> Any:
    """Copies a record without what stands at a path."""
    if len(path) == 1:
        if isinstance(record, list):
            return [inner for place, inner in enumerate(record) if place != path[0]]
        return {key: inner for key, inner in record.items() if key != path[0]}
    copy = list(record) if isinstance(record, list) else dict(record)
    copy[path[0]] = without(copy[path[0]], path[1:])
    return copy


def doubled(record: dict[str, Any], value: Any) -> str:
    """Writes a record whose first member stands there twice."""
    key = next(iter(record))
    return f"{{{json.dumps(key)}: {json.dumps(value)}, {json.dumps(record)[1:]}"


@st.composite
def damaged(draw: st.DrawFn, record: dict[str, Any]) -> str:
    """Writes a record as JSON with one to three of its members changed; the text is JSON, or nearly."""
    kind = draw(st.sampled_from(["value"] * 5 + ["absent", "twice", "key", "whole"]))
    if kind == "whole":
        return json.dumps(draw(VALUES))
    if kind == "twice":
        return doubled(record, draw(VALUES))
    told: Any = record
    for _ in range(draw(st.integers(1, 3))):
        ways = list(paths(told))
        if not ways:
            break
        way = ways[draw(st.integers(0, len(ways) - 1))]
        told = without(told, way) if kind == "absent" else changed(told, way, draw(VALUES))
    if kind == "key" and isinstance(told, dict):
        told = {**told, draw(st.one_of(UNPAIRED, ANY_TEXT, st.sampled_from(["a\0b", "ID", "Id", "value"]))): 1}
    return json.dumps(told)


BYTES = (
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xc3",
    b"\xf4\x90\x80\x80",
    b"\r",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"]",
    b"\x1a",
    b"%ff",
)


@st.composite
def broken(draw: st.DrawFn, text: bytes) -> bytes:
    """Breaks a line: cut off, with bytes in between that are no text, or with more behind it."""
    kind = draw(st.sampled_from(["cut", "bytes", "behind", "before"]))
    at = draw(st.integers(0, 1000)) * len(text) // 1001
    odd = draw(st.sampled_from(BYTES))
    if kind == "cut":
        return text[:at]
    if kind == "bytes":
        return text[:at] + odd + text[at:]
    return text + b" " + odd if kind == "behind" else odd + text


def joined(texts: Sequence[str], layout: str) -> bytes:
    """Writes records, each in its JSON, as one file."""
    commas = ",\n".join(texts)
    return {
        "lines": "\n".join(texts) + "\n",
        "lines crlf": "\r\n".join(texts) + "\r\n",
        "lines bom": "\ufeff" + "\n".join(texts) + "\n",
        "array": f"[{commas}]",
        "page": f'{{"@odata.context": "x", "value": [{commas}], "@odata.nextLink": "https://graph.example/next"}}',
        "batch": f'{{"records": [{commas}]}}',
        "pages": "\n".join(f'{{"value": [{text}]}}' for text in texts) + "\n",
    }[layout].encode("utf-8", "surrogateescape")


LAYOUTS = ("lines", "lines", "lines crlf", "lines bom", "array", "page", "batch", "pages")
