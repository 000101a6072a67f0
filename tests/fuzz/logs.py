"""Logs of every kind in which good records stand between damaged ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.damage import LAYOUTS, broken, damaged, joined
from tests.support.shapes import (
    Record,
    analytics,
    beta,
    diagnostic,
    event,
    failed,
    in_2019,
    portal,
    rows_csv,
    skipped,
    zipped,
)

NUMBERS = count(1)
"No good record is ever the same as another, though all are read into one store."

Make = Callable[[int], tuple[str, Record]]
"Builds a record like no other, of the kind that stands at a place of a log, and its id."


@dataclass
class Log:
    """A file that holds good records and damaged ones."""

    data: bytes
    kind: str
    good: list[str] = field(default_factory=list)
    "The ids of the good records."
    table: str = "events"
    lines: int | None = None
    "Its lines or records, where the damage leaves no doubt of how many there are."


def fresh(make: Callable[..., Record] = event) -> tuple[str, Record]:
    """Builds a record like no other, and its id."""
    number = next(NUMBERS)
    record = make(f"p{number}", number % 1400)
    return record["id"], record


def exchange(number: int) -> Record:
    """Builds a request in our own form."""
    return {
        "time": f"2026-01-05T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "method": "PATCH",
        "path": f"/scim/v2/Users/{number}",
        "status": 200,
        "duration_ms": 12.5,
        "request_id": f"good-request-{number:012d}",
        "client": "192.0.2.7",
        "request_body": {"Operations": [{"op": "replace", "path": "active", "value": "False"}]},
        "response_body": {"id": str(number), "userName": f"p{number}@example.com"},
    }


def job(number: int) -> Record:
    """Builds a job's document."""
    at = "2026-01-05T12:00:00Z"
    run = {"state": "Succeeded", "timeBegan": at, "timeEnded": at, "countEscrowed": 3, "error": None}
    quarantine = {"currentBegan": at, "nextAttempt": at, "reason": "EncounteredQuarantineException", "seriesCount": 2}
    return {
        "id": f"good-job-{number}",
        "observedAt": at,
        "templateId": "scim",
        "servicePrincipal": {"id": f"app-{number % 3}", "displayName": "Cerby"},
        "schedule": {"interval": "PT40M", "state": "Active"},
        "status": {
            "code": "Quarantine",
            "quarantine": quarantine,
            "lastExecution": run,
            "progress": [{"completedUnits": 1, "totalUnits": 2, "units": "pages", "progressObservationDateTime": at}],
            "synchronizedEntryCountByType": [{"key": "User", "value": 17}],
        },
    }


def requests(_place: int) -> tuple[str, Record]:
    """Builds a request like no other, and its id."""
    record = exchange(next(NUMBERS))
    return record["request_id"], record


def jobs(_place: int) -> tuple[str, Record]:
    """Builds a job's document like no other, and its id."""
    record = job(next(NUMBERS))
    return record["id"], record


def of_events(change: Callable[[Record], Record]) -> Make:
    """Builds records of one shape, some of failures and skips."""

    def make(place: int) -> tuple[str, Record]:
        name, record = fresh((event, failed, skipped)[place % 3])
        return name, change(record)

    return make


MAKERS: dict[str, tuple[str, Make]] = {
    "graph": ("events", of_events(lambda record: record)),
    "beta": ("events", of_events(beta)),
    "2019": ("events", of_events(in_2019)),
    "diagnostic": ("events", of_events(diagnostic)),
    "analytics": ("events", of_events(analytics)),
    "requests": ("exchanges", requests),
    "jobs": ("job_snapshots", jobs),
}


@st.composite
def json_logs(draw: st.DrawFn, inputs: int) -> Log:
    """A log of JSON in any layout; only where each line is a record may some be broken altogether."""
    kind, layout = draw(st.sampled_from(sorted(MAKERS))), draw(st.sampled_from(LAYOUTS))
    table, make = MAKERS[kind]
    log = Log(b"", f"{kind} {layout}", table=table)
    texts: list[str] = []
    for number in range(inputs):
        name, record = make(number)
        log.good.append(name)
        texts.append(json.dumps(record))
        if number == 0:
            # A file is known by its first records.
            texts += [json.dumps(make(place)[1]) for place in range(3)]
        texts.append(draw(damaged(make(number)[1])))
    if not layout.startswith("lines") and draw(st.integers(0, 3)) == 0:
        # What is broken inside a document may hide what stands behind it: then the counts alone are held.
        texts[-1] = draw(broken(texts[-1].encode())).decode("utf-8", "surrogateescape")
        log.data = joined(texts, layout)
        log.good = log.good[: len(log.good) // 2]
        return log
    log.data = joined(texts, layout)
    if layout.startswith("lines"):
        log.lines = len(texts)
        if draw(st.booleans()):
            log.data = with_broken_lines(draw, log.data)
    elif layout in ("array", "page", "batch"):
        log.lines = len(texts)
    return log


def with_broken_lines(draw: st.DrawFn, data: bytes) -> bytes:
    """Breaks some of the damaged lines further; none becomes two, and none vanishes."""
    lines = data.split(b"\n")
    for place in range(4, len(lines) - 1, 2):
        if draw(st.booleans()):
            told = draw(broken(lines[place])).replace(b"\n", b" ")
            lines[place] = told if told.strip(b" \t\r\n\f\v\xef\xbb\xbf") else b"x"
    return b"\n".join(lines)


COMBINED = '192.0.2.7 - - [05/Jan/2026:12:@MIN:@SEC +0000] "GET /scim/v2/Users/@WHO@ASK HTTP/1.1" 200 17 "-" "-"'
QUERIES = (
    "%ff", "%00", "filter=userName%20eq%20%22%ff%22", "filter=%", "filter=%zz", "filter=" + "%41" * 3000,
    "\\xff", "filter=\\x00", "filter=a&filter=b",
)  # fmt: skip
ODD_LINES = (
    *(COMBINED.replace("@ASK", f"?{query}") for query in QUERIES),
    COMBINED.replace("2026", "9999"),
    COMBINED.replace("2026", "1999"),
    COMBINED.replace("05/Jan", "31/Feb"),
    COMBINED.replace("GET", "G\0T"),
    COMBINED.replace("200 17", "99999999999999999999 17"),
    COMBINED.replace("17", "9" * 40),
    COMBINED + r' "{\x22userName\x22:\x22\xff\xfe\x00\x22}"',
    COMBINED + r' "{\x22a\x"',
    COMBINED + " 1e999ms",
    COMBINED.replace("HTTP", '"HTTP'),
    COMBINED[:40],
    "@MIN @SEC @WHO",
    "time=2026-01-05T12:@MIN:@SECZ method=GET path=/Users/@WHO status=200 dur=9e99",
    r'<34>Oct 11 22:14:@SEC host app: {"method":"GET","path":"/Users/@WHO","status":200,"id":"\ud800"}',
    r'{"method":"GET","path":"/scim/Users/@WHO","time":99999999999999999999,"status":"x","request_id":"\u0000"}',
)


def line(text: str, number: int, who: str) -> bytes:
    """Fills in when a line was logged, and for whom."""
    told = text.replace("@MIN", f"{number // 60 % 60:02d}").replace("@SEC", f"{number % 60:02d}")
    return told.replace("@WHO", who).replace("@ASK", "").encode()


@st.composite
def access_logs(draw: st.DrawFn, inputs: int) -> Log:
    """An access log."""
    log = Log(b"", "access log", table="exchanges", lines=0)
    lines: list[bytes] = []
    for _ in range(inputs):
        number = next(NUMBERS)
        log.good.append(f"/scim/v2/Users/{number}")
        lines.append(line(COMBINED, number, str(number)))
        odd = line(draw(st.sampled_from(ODD_LINES)), number, f"odd-{number}")
        told = draw(broken(odd)) if draw(st.integers(0, 3)) == 0 else odd
        told = told.replace(b"\n", b" ").replace(b"\r", b" ")
        lines.append(told if told.strip(b" \t\f\v\xef\xbb\xbf") else b"x")
    log.data, log.lines = b"\n".join(lines) + b"\n", len(lines)
    return log


CELL = st.sampled_from(
    ["", '"', "a\0b", "x" * 140_000, "\r", "=cmd()", "9999-12-31T23:59:59Z", "-1", "1e400", "é", "'", "{"]
)


@st.composite
def tables(draw: st.DrawFn, inputs: int) -> Log:
    """An export of Log Analytics as CSV, or a portal download."""
    records, good = [], []
    for _ in range(inputs):
        name, record = fresh()
        good.append(name)
        records += [record, fresh()[1]]
    if draw(st.booleans()):
        rows = [analytics(record) for record in records]
        for row in rows[1::2]:
            row[draw(st.sampled_from(sorted(row)))] = draw(CELL)
        return Log(rows_csv(rows), "analytics csv", good, lines=len(rows))
    for record in records[1::2]:
        record[draw(st.sampled_from(["id", "activityDateTime", "jobId", "cycleId"]))] = draw(CELL)
    files = portal(records)
    if draw(st.booleans()):
        name = sorted(files)[draw(st.integers(1, 2))]
        at = len(files[name]) - draw(st.integers(1, 400))
        files[name] = files[name][:at] + draw(st.sampled_from([b"\xff", b"\0", b"\xc3"])) + files[name][at:]
    return Log(zipped(files), "portal zip", good)


@st.composite
def mixed(draw: st.DrawFn, inputs: int) -> Log:
    """Two logs after each other in one file, of which only one may be what the file is taken for."""
    one, other = draw(json_logs(max(1, inputs // 2))), draw(st.one_of(json_logs(2), access_logs(2)))
    return Log(one.data + other.data, f"mixed {one.kind} and {other.kind}", [], one.table)


def logs(inputs: int) -> st.SearchStrategy[Any]:
    """Logs with so many damaged records."""
    kinds = [json_logs(inputs)] * 5 + [access_logs(inputs), tables(inputs), mixed(inputs)]
    return st.one_of(*kinds)
