"""The process that holds a lock, as its note or its session tells."""

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock."""

    role: str
    "What it is: watch, dashboard, poll …"
    pid: int
    host: str
    since: str
    "ISO 8601, UTC."

    @classmethod
    def this_process(cls, role: str) -> Self:
        """Describes this process, from now on."""
        since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return cls(role, os.getpid(), socket.gethostname(), since)

    def __str__(self) -> str:
        return f"{self.role} (process {self.pid} on {self.host}, since {self.since})" if self.pid else self.role


UNKNOWN = Holder("another process", 0, "unknown", "unknown")
"Whose note is half-written, or not there yet."
