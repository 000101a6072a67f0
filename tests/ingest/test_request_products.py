"""Requests as many servers, gateways and exports write them: each product's own form in a file of its own.

Every form has the same two requests and a visitor's between them; what a form does not have is unknown.
"""

import gzip
import json
import random
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.support.loads import load, rows

BEGIN = datetime(2026, 4, 14, 7, 21, 9, 341000, UTC)
GRACE = 'userName eq "grace@fabrikam.test"'
QUERY = "filter=userName+eq+%22grace%40fabrikam.test%22"
ENTRA = "20.190.129.80"
REQUESTS = (
    ("GET", "/scim/v2/Users", QUERY, 200, 23),
    ("GET", "/login", "", 200, 1),
    ("PATCH", "/scim/v2/Users/47", "", 204, 118),
)

ASKED = """
    select occurred_at, "method", http_status, duration_ms, "filter", resource_id, client from exchanges
    where minute(occurred_at) = ? order by occurred_at"""
COMBINED = '%(c)s - - [%(clf)s] "%(m)s %(t)s HTTP/1.1" %(s)s 512 "-" "-"'
JSON = '{"method": "%(m)s", "path": "%(t)s", "status": %(s)s, "duration_ms": %(ms)s, "client": "%(c)s"}'
FORMS = tomllib.loads((Path(__file__).parents[1] / "support" / "request_forms.toml").read_text(encoding="utf-8"))[
    "form"
]


def words(place: int, number: int) -> dict[str, Any]:
    """What a form is filled with: the request of a number, in the minute that belongs to the form."""
    method, path, query, status, ms = REQUESTS[number]
    at = BEGIN + timedelta(minutes=place % 30, seconds=2 * number, milliseconds=place)
    target = f"{path}?{query}" if query else path
    number_id = f"5c0f1b2e-aaaa-4bbb-8ccc-{place:06d}{number:06d}"
    told: dict[str, Any] = {
        "m": method,
        "p": path,
        "q": query,
        "t": target,
        "s": status,
        "ms": ms,
        "c": ENTRA,
        "id": number_id,
        "n": number,
        "hex": number_id.replace("-", ""),
        "at": at,
        "iso": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "clf": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "clock": at.strftime("%H:%M:%S"),
        "minute": at.strftime("%M:%S"),
        "escaped": target.replace("=", "\\="),
        "asc": at.strftime("%a %b %d %H:%M:%S %Y"),
        "milli": at.strftime("%f")[:3],
        "epoch": round(at.timestamp() * 1000),
        "ended": round(at.timestamp() * 1000) + ms,
        "seconds": int(at.timestamp()),
        "kibana": at.strftime("%b %d, %Y @ %H:%M:%S.%f")[:-3],
        "slashes": at.strftime("%Y/%m/%d %H:%M:%S"),
    }
    line, record = COMBINED % told, JSON % told
    return told | {
        "quoted": line.replace('"', '\\"'),
        "doubled": line.replace('"', '""'),
        "bytes": list(f"\x1b[32m{line}".encode()),
        "text": json.dumps(record),
        "cell": '"' + record.replace('"', '""') + '"',
    }


def file_of(place: int, form: dict[str, str]) -> bytes:
    """A file with the requests in a form; what stands before a table or a W3C log comes once."""
    texts = [form["text"] % words(place, number) for number in range(len(REQUESTS))]
    if "around" in form:
        return (form["around"] % form.get("between", ", ").join(texts)).encode()
    heading, _, rest = form["text"].partition("\n")
    if "%(" in heading or not rest:
        return ("\n".join(texts) + "\n").encode()
    return "\n".join([heading, *(text.partition("\n")[2] for text in texts), ""]).encode()


def right(place: int, lacks: str) -> list[tuple[Any, ...]]:
    """What is right of a form's SCIM requests."""
    found = []
    for number in (0, 2):
        told = words(place, number)
        at = told["at"].replace(microsecond=0) if "S" in lacks else told["at"]
        asked = GRACE if told["q"] and "F" not in lacks else None
        found.append(
            (
                at.replace(tzinfo=None),
                told["m"],
                None if "T" in lacks else told["s"],
                None if "D" in lacks else told["ms"],
                asked,
                None if number == 0 else "47",
                None if "C" in lacks else ENTRA,
            )
        )
    return found


APART = 30
"Forms whose minutes differ, so that they can be loaded together."


@pytest.mark.parametrize("first", range(0, len(FORMS), APART))
def test_each_products_form_gives_its_requests(store: Store, tmp_path: Path, first: int) -> None:
    forms = dict(enumerate(FORMS[first : first + APART], first))
    data = {str(place): file_of(place, form) for place, form in forms.items()}
    packed = {name: gzip.compress(text) if int(name) % 7 == 0 else text for name, text in data.items()}
    reports = load(store, tmp_path / "in", packed)
    wrong = {}
    for place, form in forms.items():
        found = store.rows(ASKED, [place % APART + BEGIN.minute])
        if found != right(place, form["lacks"]) or reports[str(place)].rejects:
            wrong[form["name"]] = (found, reports[str(place)].rejects)
    assert wrong == {}
    assert "c29tZS1zZWNyZXQ" not in repr(rows(store, "from exchanges"))


def in_windows(data: bytes) -> bytes:
    """A file with the line ends of Windows."""
    return data.replace(b"\n", b"\r\n")


def spaced(data: bytes) -> bytes:
    """A file with blank lines before, between and behind its lines."""
    return b"\n" + data.replace(b"\n", b"\n\n") + b"\n \n"


WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "crlf": in_windows,
    "bom": lambda data: b"\xef\xbb\xbf" + data,
    "utf16": lambda data: in_windows(data).decode().encode("utf-16"),
    "blank lines": spaced,
    "gz": gzip.compress,
}


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(2, 6))])
def test_a_form_gives_its_requests_however_it_is_written_and_whatever_is_beside_it(
    store: Store, tmp_path: Path, seed: int
) -> None:
    """Files in a random order, of any forms, each written in its own way; some grow, and are read before and after."""
    rng = random.Random(seed)
    places = {place % APART: place for place in rng.sample(range(len(FORMS)), 20)}
    files, grown = {}, {}
    for place in places.values():
        data, way = file_of(place, FORMS[place]), rng.choice(list(WRITTEN))
        name = f"{rng.randrange(1000):03d} {place} {way}"
        if way == "as it is" and data.count(b"\n") > 2 and "around" not in FORMS[place]:
            cut = data[:-1].rfind(b"\n") + 1
            data, grown[name] = data[:cut], data
        files[name] = WRITTEN[way](data)
    load(store, tmp_path / "in", files)
    load(store, tmp_path / "in", grown)
    wrong = {}
    for place in places.values():
        found = store.rows(ASKED, [place % APART + BEGIN.minute])
        if found != right(place, FORMS[place]["lacks"]):
            wrong[next(name for name in files if name.split()[1] == str(place)), FORMS[place]["name"]] = found
    assert wrong == {}
    assert rows(store, "select reason from rejects") == []


def test_one_scim_request_in_hundreds_of_other_lines_is_found(store: Store, tmp_path: Path) -> None:
    told = words(0, 2)
    prefix = "2026-04-14 07:20:00,120 INFO  [com.example.Worker] (pool-1) "
    others = {
        "text": [f"{prefix}item {number}" for number in range(500)],
        "json": [f'{{"level": "info", "msg": "item {number}"}}' for number in range(500)],
    }
    lines = {"text": prefix + COMBINED % told, "json": f'{{"time": "{told["iso"]}", ' + (JSON % told)[1:]}
    for name, many in others.items():
        data = "\n".join([*many[:400], lines[name], *many[400:]]) + "\n"
        found = load(store, tmp_path / name, {name: data.encode()})[name]
        assert (found.kept, found.rejects, found.passed_over) == (1, 0, 500), name
