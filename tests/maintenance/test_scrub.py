"""`scrub` cleans a store that an earlier version has written, as a load of today would have, and then finds nothing."""

from pathlib import Path

from pipeline.config.secrets import without_secrets
from pipeline.maintenance.scrub import Scrubbed, scrub
from pipeline.store.lake import Store
from pipeline.store.writer_lock import Cursor
from tests.support.loads import load, rows
from tests.support.planted import LEFT, S
from tests.support.shapes import dumped, failed, lines

OTHERS = """
    insert into rejects by name select 'f' as "file", 1 as line, 'password=' || $s as reason,
        encode('{"password": "' || $s || '"}') || '\\xFF'::blob as "raw";
    insert into exchanges by name select 'ghp_' || $s || '0123456789' as exchange_id, '/Users' as "path",
        timestamp '2026-01-05' as occurred_at, '{"password": "' || $s || '"}' as request_body;
    insert into incidents by name select 'i' as incident_id, {'password': $s, 'n': 5}::json as evidence;
    insert into incidents by name select 'spaced' as incident_id, '{"cause": "token", "n": 5}'::json as evidence;
"""


def stored_as_before(store: Store) -> None:
    """Puts secrets where an earlier version has left them."""
    steps = f"""list_transform(steps, lambda s: struct_pack("name" := s."name", "type" := s."type", status := s.status,
        description := 'set password={S}', details := '{{"SecretToken": "{S}"}}'::json))"""

    def change(cursor: Cursor) -> None:
        cursor.execute(f"update events set reason = 'Bearer {S}', steps = {steps} where source_name = 'Ada'")
        for statement in OTHERS.replace("$s", f"'{S}'").split(";\n"):
            cursor.execute(statement)

    store.write(change)


def stored(store: Store) -> list[str]:
    """Returns every row of every table as text."""
    tables = store.rows("select table_name from information_schema.tables where table_type = 'BASE TABLE'")
    return [text for (table,) in tables for (text,) in store.rows(f'select t::varchar from "{table}" t')]


def test_a_store_of_before_is_cleaned_once_and_only_where_it_must_be(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path / "in", {"a": lines([failed("ada", 1), failed("ada", 2), failed("bo", 2000)])})
    stored_as_before(store)
    before = store.revision()
    found = [Scrubbed("events", 2), Scrubbed("exchanges", 1), Scrubbed("incidents", 1), Scrubbed("rejects", 1)]
    shares: list[float] = []
    assert scrub(store, dry_run=True, progress=shares.append) == found
    assert store.revision() == before and shares == sorted(shares) and shares[-1] == 1

    untouched = rows(store, "select * from events where source_name = 'Bo'")
    assert scrub(store) == found
    assert [text for text in stored(store) if any(word in text for word in LEFT)] == []
    assert rows(store, "select * from events where source_name = 'Bo'") == untouched
    [event, _] = rows(store, "select * from events where source_name = 'Ada' order by occurred_at")
    assert event["reason"] == without_secrets(f"Bearer {S}") and len(event["steps"]) == 3
    assert event["steps"][0]["details"] == '{"SecretToken":"[removed]"}'
    [reject] = rows(store, 'select reason, "raw" from rejects')
    assert reject == {"reason": "password=[removed]", "raw": b'{"password": "[removed]"}\xff'}
    kept = {"evidence": '{"cause": "token", "n": 5}'}
    evidence = rows(store, "select evidence from incidents order by incident_id")
    assert evidence == [{"evidence": '{"password":"[removed]","n":5}'}, kept]

    assert scrub(store) == [] and dumped({"a": S}) not in stored(store)
