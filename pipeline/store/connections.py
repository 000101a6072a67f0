"""Connections to a PostgreSQL server that went away: how that is recognised, and asking again over a new one."""

import re
import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

import duckdb

from pipeline.config.errors import StoreUnreachable
from pipeline.config.retry_policy import CONNECTIONS

T = TypeVar("T")
LOST = re.compile(
    r"server closed the connection|terminating connection|[Uu]nable to connect|[Cc]ould not (?:connect|receive|send)"
    r"|no connection to the server|connection to server|database system is|SSL connection|SSL SYSCALL"
)
"What DuckDB and libpq say then."


def is_lost(error: BaseException) -> bool:
    """Whether the server went away, or a session ended."""
    cause = error.__cause__
    return (
        isinstance(error, StoreUnreachable)
        or (isinstance(error, duckdb.Error) and LOST.search(str(error)) is not None)
        or (cause is not None and is_lost(cause))
    )


def while_reconnecting(ask: Callable[[], T]) -> T:
    """Asks again when the connection turns out to have ended: DuckDB notices that at its next use, one by one."""
    for failures in count(1):
        try:
            return ask()
        except duckdb.Error as error:
            if not is_lost(error) or not CONNECTIONS.allows(failures):
                raise
        time.sleep(CONNECTIONS.pause_s(failures))
    raise AssertionError("unreachable")
