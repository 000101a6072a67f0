"""What never was a file lands as files do: rows, rejects, ledger and what goes with them, together or not at all."""

import json
from typing import Any

import pytest

from pipeline.collect.blobs.container import Blob
from pipeline.collect.blobs.stretches import Stretch, land_stretches
from pipeline.ingest.stream import feed
from pipeline.store.lake import Cursor, Store

NAME = "graph:contoso/auditLogs/provisioning"


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"event-{number}",
        "activityDateTime": f"2026-01-05T12:00:{number:02d}Z",
        "jobId": "job",
        "cycleId": "cycle",
        "provisioningAction": "create",
        "provisioningStatusInfo": {"status": "success", "errorInformation": None},
        "sourceIdentity": {"id": f"person-{number}", "displayName": "Ada", "identityType": "User"},
    } | more


def page(*events: dict[str, Any]) -> bytes:
    return json.dumps({"@odata.context": "x", "value": events}).encode()


def ledger(store: Store) -> list[tuple[Any, ...]]:
    return store.rows('select "file", lines, kept, duplicates, rejects, read_to from files')


def test_pages_add_up_in_one_line_of_the_ledger(store: Store) -> None:
    first, second = page(event(1), event(2)), page(event(2), event(3))
    assert feed(store, NAME, first).kept == 2
    again = feed(store, NAME, second)
    assert (again.lines, again.kept, again.duplicates) == (2, 1, 1)
    assert ledger(store) == [(NAME, 4, 3, 1, 0, len(first) + len(second))]
    assert store.rows("select count(*), count(distinct event_id) from events") == [(3, 3)]


def test_a_record_without_an_id_is_a_reject_under_the_feed(store: Store) -> None:
    result = feed(store, NAME, page(event(1), event(2, id="")))
    assert (result.kept, result.rejects) == (1, 1)
    [(name, reason)] = store.rows('select "file", reason from rejects')
    assert name == NAME
    assert "id is empty" in reason


def test_an_empty_page_is_only_remembered_by_what_goes_with_it(store: Store) -> None:
    def along(cursor: Cursor) -> None:
        cursor.execute("insert into contacts (tenant) values ('contoso')")

    assert feed(store, NAME, b'{"value": []}', along=along).lines == 0
    assert ledger(store) == []
    assert store.rows("select tenant from contacts") == [("contoso",)]


def test_when_what_goes_with_it_fails_nothing_is_written(store: Store) -> None:
    def along(_cursor: Cursor) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        feed(store, NAME, page(event(1)), along=along)
    assert store.rows("select count(*) from events") == [(0,)]
    assert ledger(store) == []


def test_a_stretch_of_a_blob_moves_the_ledger_to_its_byte(store: Store) -> None:
    line = json.dumps(event(1)).encode() + b"\r\n"
    blob = Blob("PT1H.json", "https://example.com/blob", 5000, "etag", True, None)
    [result] = land_stretches(store, [Stretch(blob, 0, line, False, line)])
    assert (result.file, result.source, result.lines, result.kept) == (blob.url, "graph", 1, 1)
    assert store.rows("select read_to, size, source from files") == [(len(line), 5000, "graph")]


def test_bytes_that_nobody_knows_are_kept_as_a_reject(store: Store) -> None:
    assert feed(store, NAME, b"<html>Service unavailable</html>").rejects == 1
    assert store.rows("select count(*) from rejects where contains(\"raw\"::varchar, 'Service')") == [(1,)]
