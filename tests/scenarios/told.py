"""Small worlds written in words: a job, its people, and what was logged at which minute of 2 March 2026, 08:00 UTC."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.scenarios import wire
from tests.scenarios.wire import Doc

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
TENANT = "11112222-3333-4444-5555-666677778888"
STEADY = START - timedelta(days=30)


def number(*words: object) -> str:
    """Returns an id, always the same for the same words."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join(map(str, words))))


def job(app: str, tenant: str = TENANT, nth: int = 1, schedule: str = "Active") -> Doc:
    """A job of an app; `nth` tells several of one app apart."""
    app_id = number(app, tenant)
    ident = f"scim.{tenant.replace('-', '')}.{number(app_id, nth)}"
    return {
        "tenant": tenant, "app": app, "app_id": app_id, "connector": app, "id": ident, "threshold": 500,
        "mount": "v1", "schedule": schedule,
    }  # fmt: skip


def person(name: str, target: str | None = None, kind: str = "User") -> Doc:
    """Somebody, or a group."""
    upn = None if kind == "Group" else f"{name.lower().replace(' ', '.')}@example.com"
    return {"id": number(name), "type": kind, "name": name, "upn": upn, "target": target}


def at(minute: float) -> datetime:
    """The instant so many minutes after the start."""
    return START + timedelta(minutes=minute)


def naive(minute: float) -> datetime:
    """That instant as the store has it."""
    return at(minute).replace(tzinfo=None)


@dataclass
class Told:
    """The records of a world."""

    events: list[Doc] = field(default_factory=list)
    statuses: list[Doc] = field(default_factory=list)
    requests: list[Doc] = field(default_factory=list)

    def event(self, of: Doc, minute: float, who: Doc, action: str, status: str = "success", *, skip: str = "",
              error: str = "", again: float | None = None, out: bool = False, filtered: bool = False,
              cycle: object = None, changes: tuple[Doc, ...] = ()) -> None:  # fmt: skip
        """Adds an event: `skip` is its reason; `error` a word of HTTP, tried again at a minute; `out` of scope, or
        `filtered` out."""
        out = out or action in ("disable", "delete", "stagedDelete") or skip == "NotEffectivelyEntitled"
        last = (wire.EXPORT.get(action, "EntryExportUpdate"), "export", status)
        steps = [wire.scoping(**({"assigned": False} if out else {"filter": not filtered})), wire.step(*last)]
        if status == "skipped":
            steps[-1] = wire.step("EntrySynchronizationSkip", "export", status, {"SkipReason": skip} if skip else {})
        failed = None
        if error:
            failed = wire.failure(error, error, "no", 0, None if again is None else at(again))
        ids = number("event", len(self.events)), number("change", len(self.events))
        name = number(of["id"], minute // 40 if cycle is None else cycle)
        self.events.append(wire.event(of, name, at(minute), *ids, action, status, who, steps, list(changes), failed))

    def status(self, of: Doc, minute: float, code: str = "Active", *, ended: float | None = None,
               state: str = "Succeeded", steady: bool = True, quarantine: Doc | None = None,
               pages: tuple[int, int] | None = None) -> None:  # fmt: skip
        """Adds a status of a job, whose last run, of three minutes, ended at a minute; or it never ended one."""
        last = wire.run(state, None if ended is None else at(ended - 3), None if ended is None else at(ended), 0, 1)
        doc = wire.job_status(of, at(minute), code, last, STEADY if steady else None, quarantine)
        if pages:
            doc["status"]["progress"] = [
                {"completedUnits": pages[0], "totalUnits": pages[1], "units": "pages",
                 "progressObservationDateTime": wire.stamp(at(minute))}
            ]  # fmt: skip
        self.statuses.append(doc)

    def request(self, of: Doc, minute: float, method: str, path: str, status: int, **bodies: Any) -> None:
        """Adds a request of the app's own log."""
        ident = number("request", len(self.requests))
        self.requests.append(wire.request(of, at(minute), ident, method, path, status, **bodies))

    def laid(self, folder: Path) -> list[Path]:
        """Writes the files of the world."""
        files = []
        for name, records in (("events", self.events), ("jobs", self.statuses), ("requests", self.requests)):
            if records:
                files.append(folder / f"{name}.jsonl")
                files[-1].write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
        return files
