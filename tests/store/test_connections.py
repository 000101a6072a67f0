"""A server that went away is told from a value that only speaks of one."""

import duckdb
import pytest

from pipeline.config.errors import StoreError, StoreUnreachable
from pipeline.store.connections import is_lost, while_reconnecting
from pipeline.store.lake import store_errors

LOST = (
    'Failed to query most recent snapshot for DuckLake: Failed to execute query "BEGIN": server closed the connection',
    'TransactionContext Error: Failed to commit: Failed to commit: Failed to execute query "COMMIT": server closed the '
    "connection unexpectedly",
    'TransactionContext Error: Failed to commit: Failed to execute query "ROLLBACK": ',
    'IO Error: Unable to connect to Postgres at "host=db.example": connection to server at "db.example" failed',
    "Invalid Input Error: Attempting to fetch from an unsuccessful query result Error: Invalid Error: Failed to "
    "prepare COPY: FATAL: terminating connection due to administrator command",
    'Failed to prepare COPY "COPY (SELECT 1)": FATAL: the database system is starting up',
)
NOT_LOST = (
    "Conversion Error: Could not convert string 'server closed the connection' to INT64",
    'Invalid Input Error: Malformed JSON: "could not connect to server" connection to server',
    "TransactionContext Error: Failed to commit: Transaction conflict - attempting to insert",
    'Binder Error: column "terminating connection" not found',
)


@pytest.mark.parametrize("message", LOST)
def test_a_server_that_went_away_is_recognised_and_asked_again(message: str) -> None:
    tries = []

    def ask() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise duckdb.Error(message)
        return "answer"

    assert while_reconnecting(ask) == "answer"
    with pytest.raises(StoreUnreachable) as error, store_errors("The store could not answer"):
        raise duckdb.Error(message)
    assert is_lost(error.value)


@pytest.mark.parametrize("message", NOT_LOST)
def test_what_a_log_says_is_no_lost_connection(message: str) -> None:
    assert not is_lost(duckdb.Error(message))
    with pytest.raises(StoreError) as error, store_errors("The store could not answer"):
        raise duckdb.Error(message)
    assert not isinstance(error.value, StoreUnreachable)
