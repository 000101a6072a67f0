"""Connections to a PostgreSQL server that went away: how that is recognised, and asking again over a new one.

Also how a statement is recognised that Ctrl-C ended.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

import duckdb

from pipeline.config.errors import StoreUnreachable
from pipeline.config.retry_policy import CONNECTIONS

T = TypeVar("T")
LOST = re.compile(
    r"(?:[A-Z][A-Za-z ]*Error: )*"
    r"(?:Failed to (?:query|get|commit|execute|prepare|describe|attach|connect|flush|fetch|copy)\b"
    r"|Unable to connect to Postgres|Attempting to fetch from an unsuccessful query)"
    r".*?(?:server closed the connection|terminating connection|connection to server|no connection to the server"
    r"|could not (?:connect|receive|send)|database system is|SSL connection|SSL SYSCALL|query \"ROLLBACK\")",
    re.DOTALL,
)
"""How DuckDB's messages begin and what they hold then; words alone may also come from a log, in a message about a value
in it."""


def is_lost(error: BaseException) -> bool:
    """Whether the server went away, or a session ended."""
    cause = error.__cause__
    return (
        isinstance(error, StoreUnreachable)
        or (isinstance(error, duckdb.Error) and LOST.match(str(error)) is not None)
        or (cause is not None and is_lost(cause))
    )


def is_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C came during a statement, in whose place DuckDB 1.5 raises a RuntimeError."""
    cause = error.__cause__
    return isinstance(error, KeyboardInterrupt) or (cause is not None and is_interrupted(cause))


@contextmanager
def lost_connections() -> Iterator[None]:
    """Turns a lost connection into StoreUnreachable: nothing is wrong with what was being read."""
    try:
        yield
    except duckdb.Error as error:
        if is_lost(error):
            raise StoreUnreachable(f"The store cannot be reached: {' '.join(str(error).split())}") from error
        raise


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
