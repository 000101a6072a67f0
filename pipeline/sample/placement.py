"""Which event is written where: every shape gets a stretch of somebody's history, and two stretches overlap.

Cerby alternates between Graph and diagnostic records by day; Contoso Docs goes through Log Analytics, a portal download
and back; Fabrikam Desk comes by Event Hub and then in pages. Together the files hold every event.
"""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from pipeline.sample import broken, spellings
from pipeline.sample.files import Ledger
from pipeline.sample.nouns import Event, Exchange, Facts
from pipeline.sample.portal import archive
from pipeline.sample.shapes import diagnostic, dump, graph, log_analytics
from pipeline.sample.timeline import Timeline

PAGE = 100
LOGS = ("own", "access", "pairs")
"""How a server writes Cerby's requests, by turns a day; only our own form names the app."""
_NEXT = "https://graph.microsoft.com/v1.0/auditLogs/provisioning?$top=100&$skiptoken="


def _between(events: list[Event], timeline: Timeline, first: int, last: int) -> list[Event]:
    """Returns the events of the days from `first` up to but not including `last`."""
    return [event for event in events if timeline.day(first) <= event.at < timeline.day(last)]


def _keys(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Returns the events' identities."""
    return [event.key for event in events]


def cerby(ledger: Ledger, timeline: Timeline, events: list[Event]) -> None:
    """Writes even days as Graph lines and odd days as diagnostic blobs; one odd day is written as both."""
    overlap = timeline.days // 4 * 2 - 1
    for day in range(timeline.days):
        of_day = _between(events, timeline, day, day + 1)
        if of_day and (day % 2 == 0 or day == overlap):
            _graph_day(ledger, timeline, day, of_day)
        if day % 2:
            _blobs(ledger, of_day, spoilt=day == 1)


def _graph_day(ledger: Ledger, timeline: Timeline, day: int, events: list[Event]) -> None:
    """Writes a day of Graph lines; the third day has broken lines in it, and every fourth is compressed."""
    name = f"graph/cerby-{timeline.day(day):%Y-%m-%d}.ndjson{'.gz' if day % 4 == 0 else ''}"
    if day == 2:
        lines, rejects = broken.graph_lines(events)
        ledger.lines(name, "graph", lines, [*_keys(events), "broken_lines", "exact_repeats"], rejects)
    else:
        ledger.lines(name, "graph", [dump(graph(event)) for event in events], _keys(events))


def _blobs(ledger: Ledger, events: list[Event], spoilt: bool) -> None:
    """Writes diagnostic records into the blob of the hour in which they were received, some of them delivered twice."""
    hours: dict[datetime, list[Event]] = defaultdict(list)
    for event in events:
        hours[(event.at + timedelta(minutes=4)).replace(minute=0, second=0)].append(event)
    for order, (hour, received) in enumerate(sorted(hours.items())):
        lines = [dump(diagnostic(event)) for event in received]
        again = [dump(diagnostic(event, delay=61)) for event in received if event.ticks % 33 == 0]
        bad = [broken.DIAGNOSTIC] if spoilt and order == 0 else []
        tenant = f"insights-logs-provisioninglogs/tenantId={received[0].app.tenant_id}"
        name = f"{tenant}/{hour:y=%Y/m=%m/d=%d/h=%H}/m=00/PT1H.json"
        extra = ["broken_lines"] * bool(bad) + ["exact_repeats"] * bool(again)
        ledger.lines(name, "diagnostic", lines + bad + again, [*_keys(received), *extra], len(bad), end="\r\n")


def contoso(ledger: Ledger, timeline: Timeline, events: list[Event], workspace_id: str) -> None:
    """Writes a quarter each as Log Analytics CSV, portal zip, portal array (with a day of the zip) and rows of JSON."""
    edges = [timeline.days * part // 4 for part in range(5)]
    parts = [_between(events, timeline, first, last) for first, last in pairwise(edges)]
    rows = [log_analytics(event, workspace_id) for event in parts[0]]
    _csv(
        ledger,
        "log-analytics/contoso-docs-1.csv",
        [*rows, broken.nameless_row(rows[0])],
        [*_keys(parts[0]), "broken_lines"],
    )
    ledger.store(
        "portal/ProvisioningLogs-contoso-docs.zip", "portal", archive(parts[1]), len(parts[1]), _keys(parts[1])
    )
    array = _between(events, timeline, edges[2] - 1, edges[3])
    content = dump([graph(event) for event in array]).encode()
    ledger.store("portal/provisioning-logs-contoso-docs.json", "graph", content, len(array), _keys(array))
    _rows(ledger, timeline, parts[3], edges[3], workspace_id)


def _csv(ledger: Ledger, name: str, rows: list[Facts], keys: list[object]) -> None:
    """Writes Log Analytics rows as CSV; the last row is a broken one."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    ledger.store(name, "log_analytics", text.getvalue().encode(), len(rows), keys, rejects=1)


def _rows(ledger: Ledger, timeline: Timeline, events: list[Event], first: int, workspace_id: str) -> None:
    """Writes Log Analytics rows as the command line tool does (an array of texts), then as an export does (lines)."""
    middle = timeline.day((first + timeline.days) // 2)
    early, late = [event for event in events if event.at < middle], [event for event in events if event.at >= middle]
    texts = [{key: str(value) for key, value in log_analytics(event, workspace_id).items()} for event in early]
    ledger.store("log-analytics/contoso-docs-2.json", "log_analytics", dump(texts).encode(), len(texts), _keys(early))
    lines = [dump(log_analytics(event, workspace_id)) for event in late]
    ledger.lines("log-analytics/contoso-docs-3.json.gz", "log_analytics", lines, _keys(late))


def fabrikam(ledger: Ledger, timeline: Timeline, events: list[Event]) -> None:
    """Writes the first half as Event Hub batches and the rest as pages that link to one another."""
    middle = (timeline.idle_from - timeline.since).days // 2
    early, late = _between(events, timeline, 0, middle), _between(events, timeline, middle, timeline.days)
    rng = random.Random(f"batches:{timeline.seed}")
    batches = []
    rest = early
    while rest:
        size = rng.randint(1, 20)
        batches.append(dump({"records": [diagnostic(event) for event in rest[:size]]}))
        rest = rest[size:]
    ledger.store(
        "event-hub/fabrikam-desk.json",
        "diagnostic",
        "".join(f"{each}\n" for each in batches).encode(),
        len(early),
        _keys(early),
    )
    for start in range(0, len(late), PAGE):
        _page(ledger, late[start : start + PAGE], start // PAGE + 1, start + PAGE < len(late))


def _page(ledger: Ledger, events: list[Event], number: int, more: bool) -> None:
    """Writes one beta page; the last one has no link."""
    head: Facts = {"@odata.context": "https://graph.microsoft.com/beta/$metadata#auditLogs/provisioning"}
    if more:
        head["@odata.nextLink"] = f"{_NEXT.replace('v1.0', 'beta')}{number * 7919:08x}"
    content = dump(head | {"value": [graph(event, beta=True) for event in events]}).encode()
    ledger.store(f"graph-pages/fabrikam-desk-{number:03d}.json", "graph", content, len(events), _keys(events))


def scim(ledger: Ledger, timeline: Timeline, exchanges: list[Exchange]) -> None:
    """Writes Cerby's requests: by turns a day in our own form, a day of access log, a day of line pairs."""
    writers: dict[str, Callable[[Ledger, Timeline, int, list[Exchange]], None]] = {
        "own": _own_day,
        "access": _access_day,
        "pairs": _pairs_day,
    }
    days: dict[int, list[Exchange]] = defaultdict(list)
    for exchange in sorted(exchanges, key=lambda each: each.at):
        days[(exchange.at - timeline.since).days].append(exchange)
    for day, of_day in sorted(days.items()):
        writers[LOGS[day % 3]](ledger, timeline, day, of_day)


def log_of(timeline: Timeline, at: datetime) -> str:
    """Returns how a request of an instant is written."""
    return LOGS[(at - timeline.since).days % 3]


def _refusals(exchanges: list[Exchange]) -> list[str]:
    """Returns the mark of a file that shows a refused token."""
    return ["expired_token"] if any(each.status == 401 for each in exchanges) else []


def _own_day(ledger: Ledger, timeline: Timeline, day: int, exchanges: list[Exchange]) -> None:
    """Writes a day in our own form; the fourth day has a broken line and a repeat."""
    lines, spoilt = [spellings.own(each) for each in exchanges], day == 3
    if spoilt:
        lines = [lines[0], broken.scim_line(timeline.moved), *lines[1:], lines[0]]
    name = f"scim/cerby-{timeline.day(day):%Y-%m-%d}.jsonl{'.gz' if day % 2 == 0 else ''}"
    ledger.lines(name, "scim", lines, _refusals(exchanges) + ["broken_lines", "exact_repeats"] * spoilt, int(spoilt))


def _access_day(ledger: Ledger, timeline: Timeline, day: int, exchanges: list[Exchange]) -> None:
    """Writes a day of access log; the second day went through docker-compose, the fifth has an error line in it."""
    prefix, spoilt = "scim-1  | " if day == 1 else "", day == 4
    lines = [prefix + spellings.access(each) for each in exchanges]
    if spoilt:
        lines.insert(len(lines) // 2, broken.access_line(timeline.moved))
    name = f"scim/access-{timeline.day(day):%Y-%m-%d}.log{'.gz' if day % 2 and day > 1 else ''}"
    ledger.lines(name, "access_log", lines, _refusals(exchanges) + ["broken_lines"] * spoilt, int(spoilt))


def _pairs_day(ledger: Ledger, timeline: Timeline, day: int, exchanges: list[Exchange]) -> None:
    """Writes a day of request and response lines in the order of time, so that pairs may interleave."""
    lines = sorted((line for each in exchanges for line in spellings.pair(each)), key=_timestamp)
    ledger.lines(f"scim/pairs-{timeline.day(day):%Y-%m-%d}.jsonl", "scim_pairs", lines, _refusals(exchanges))


def _timestamp(line: str) -> str:
    """Returns the instant a line starts with."""
    return line[:40]


def jobs(ledger: Ledger, timeline: Timeline, snapshots: Iterable[tuple[datetime, Facts]]) -> None:
    """Writes a file of job snapshots per week; every second file is compressed."""
    weeks: dict[int, list[Facts]] = defaultdict(list)
    for at, document in snapshots:
        weeks[max(0, (at - timeline.since).days // 7)].append(document)
    for week, documents in weeks.items():
        name = f"jobs/job-status-{timeline.day(week * 7):%Y-%m-%d}.jsonl{'.gz' if week % 2 else ''}"
        ledger.lines(name, "jobs", [dump(document) for document in documents], ["job_snapshots"])
