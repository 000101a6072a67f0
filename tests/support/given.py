"""Builders that read as speech: `given.failed("ada", hour=9)` is one event in a real lake.

What is said waits until `stored()`, which writes it in one transaction and through the fold, as the ingester does.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa

from pipeline.ingest.aggregates import add_to_aggregates
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Cursor, Store

Row = dict[str, Any]
TENANT = "11111111-1111-4111-8111-111111111111"
MONDAY = datetime(2026, 1, 19)
FORTNIGHT = {"since": MONDAY, "until": MONDAY + timedelta(days=14)}
STEPS = pa.list_(pa.struct([(name, pa.string()) for name in ("name", "type", "status", "description", "details")]))
CHANGES = pa.list_(pa.struct([(name, pa.string()) for name in ("attribute", "old_value", "new_value")]))
NESTED = {"steps": STEPS, "changes": CHANGES}


def job_id(app: str) -> str:
    """Gives the id of an app's one job."""
    return f"scim.{app.lower().replace(' ', '-')}"


def moment(day: int = 0, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """Gives an instant counted from Monday 19 January 2026, 00:00 UTC."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute, seconds=second)


class Given:
    """What a test says has happened."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.numbers = count(1)

    def event(self, who: str, status: str, at: datetime, *, app: str = "Cerby", **more: Any) -> Row:
        """One event; `more` names columns of `events`."""
        row: Row = {
            "event_id": f"event-{next(self.numbers)}",
            "source": "graph",
            "tenant_id": TENANT,
            "job_id": job_id(app),
            "cycle_id": f"{job_id(app)}-{at:%d-%H}",
            "occurred_at": at,
            "action": "update",
            "status": status,
            "app_id": f"app-{app.lower()}",
            "app_name": app,
            "source_id": f"id-{who}",
            "source_name": who.title(),
            "source_type": "User",
            "upn": f"{who}@example.com",
            "target_id": f"target-{who}",
            "duration_ms": 100,
            "last_step": "EntryExportUpdate",
        }
        self.rows["events"].append(row | more)
        return row | more

    def succeeded(self, who: str, day: int = 0, hour: int = 0, minute: int = 0, **more: Any) -> Row:
        """An event that ended well."""
        return self.event(who, "success", moment(day, hour, minute), **more)

    def failed(self, who: str, day: int = 0, hour: int = 0, minute: int = 0, **more: Any) -> Row:
        """An event that failed; an EntryConflict unless told otherwise."""
        told: Row = {"error_code": "EntryConflict", "reason": "StatusCode: Conflict", "http_status": 409} | more
        return self.event(who, "failure", moment(day, hour, minute), **told)

    def skipped(self, who: str, why: str, day: int = 0, hour: int = 0, minute: int = 0, **more: Any) -> Row:
        """An event that was left out, for a reason such as RedundantExport."""
        told: Row = {"skip_reason": why, "last_step": "EntrySynchronizationSkip"} | more
        return self.event(who, "skipped", moment(day, hour, minute), **told)

    def disabled(self, who: str, day: int = 0, hour: int = 0, minute: int = 0, **more: Any) -> Row:
        """A person whose account was switched off."""
        return self.event(who, "success", moment(day, hour, minute), action="disable", **more)

    def observed(self, app: str, state: str, day: int = 0, hour: int = 0, **more: Any) -> Row:
        """What Graph said of a job."""
        at = moment(day, hour)
        row: Row = {
            "snapshot_id": f"{app}-{at:%d%H}",
            "tenant_id": TENANT,
            "job_id": job_id(app),
            "app_name": app,
            "observed_at": at,
            "state": state,
            "last_ended_at": at,
        }
        self.rows["job_snapshots"].append(row | more)
        return row | more

    def quarantined(self, app: str, day: int, hour: int, since: datetime) -> Row:
        """A job that Graph holds in quarantine for its credentials."""
        reason = "EncounteredQuarantineException"
        return self.observed(app, "Quarantine", day, hour, quarantine_reason=reason, quarantine_since=since)

    def exchanged(self, method: str, path: str, status: int, at: datetime, **more: Any) -> Row:
        """A SCIM request and its answer."""
        name = f"exchange-{len(self.rows['exchanges'])}"
        row: Row = {"exchange_id": name, "occurred_at": at, "method": method, "path": path, "http_status": status}
        self.rows["exchanges"].append(row | more)
        return row | more

    def loaded(
        self, file: str, source: str = "graph", *, lines: int = 1, day: int = 0, hour: int = 0, **more: Any
    ) -> Row:
        """A file that was read to its end."""
        at = moment(day, hour)
        row: Row = {"file": file, "source": source, "size": 100, "read_to": 100, "lines": lines, "kept": lines}
        zero = {"duplicates": 0, "rejects": 0, "unfamiliar": 0}
        row |= zero | {"first_event_at": at, "last_event_at": at, "finished_at": at + timedelta(minutes=5)}
        self.rows["files"].append(row | more)
        return row | more

    def vouched(
        self, since: datetime, until: datetime, app: str | None = None, source: str = "graph", **more: Any
    ) -> Row:
        """A stretch of time that a reading speaks for: one app's, or the whole tenant's."""
        row: Row = {
            "source": source,
            "tenant_id": TENANT,
            "job_id": app and job_id(app),
            "origin": f"reading-{len(self.rows['coverage'])}",
            "since": since,
            "settled_until": until,
            "until": until,
            "read_at": until,
        }
        self.rows["coverage"].append(row | more)
        return row | more

    def rejected(self, file: str, line: int, reason: str, raw: str = "{") -> Row:
        """A line that no source could read."""
        row: Row = {"file": file, "line": line, "reason": reason, "raw": raw.encode(), "rejected_at": moment()}
        self.rows["rejects"].append(row)
        return row

    def ran(self, job: str, outcome: str = "ok", day: int = 0, hour: int = 0, detail: str = "") -> Row:
        """A background job's run."""
        at = moment(day, hour)
        row: Row = {"job": job, "began_at": at, "ended_at": at, "outcome": outcome, "detail": detail}
        self.rows["background_jobs"].append(row)
        return row

    def stored(self) -> Store:
        """Writes everything said so far, and gives the store."""
        self.store.write(self._write)
        self.rows.clear()
        return self.store

    def answer(self, name: str, **values: Any) -> list[Row]:
        """Stores what was said and asks a question of `queries/`, over two weeks from Monday unless told otherwise."""
        store = self.stored() if self.rows else self.store
        query = find_query(name)
        known = {parameter.name for parameter in query.parameters}
        fortnight = {key: value for key, value in FORTNIGHT.items() if key in known}
        rows: list[Row] = store.ask(query.sql, bind(query, fortnight | values)).to_pylist()
        return rows

    def _write(self, cursor: Cursor) -> None:
        """Writes each table's rows; events pass through the fold."""
        for table, rows in self.rows.items():
            arriving = table_of(rows)
            cursor.register("told", arriving)
            cursor.execute(f"create or replace temp table arriving as from {table} limit 0")
            cursor.execute("insert into arriving by name from told")
            cursor.execute(f"insert into {table} from arriving")
            if table == "events":
                add_to_aggregates(cursor)
            elif table == "exchanges":
                cursor.execute("insert into unpaired_days from days_to_pair('arriving')")
            cursor.unregister("told")


def table_of(rows: list[Row]) -> pa.Table:
    """Gives rows as an Arrow table with every column that any of them names."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name) for row in rows], NESTED.get(name)) for name in names}
    return pa.table(columns)
