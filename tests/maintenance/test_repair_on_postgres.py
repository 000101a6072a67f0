"""The same on a PostgreSQL catalog: a lost one is not replaced, damage is found and repaired, maintenance goes on."""

import os
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.config.errors import StoreError
from pipeline.maintenance.backup import back_up
from pipeline.maintenance.chores import maintain, stop_sentences
from pipeline.maintenance.repair import repair
from pipeline.maintenance.verify import verify
from pipeline.store.lake import open_store
from tests.support.lakes import add_events
from tests.support.postgres import PASSWORD, Server, needs_postgres

pytestmark = [needs_postgres, pytest.mark.deep]


def test_damage_is_repaired_and_a_lost_catalog_is_not_replaced(server: Server, tmp_path: Path) -> None:
    settings, now = server.settings(server.database(), tmp_path / "files"), datetime.now(UTC)
    with closing(open_store(settings)) as store:
        add_events(store, 0, 100)
        add_events(store, 100, 100)
        assert verify(store, now).faults == []
        damaged = max(store.folder.glob("main/events/*.parquet"), key=lambda file: file.stat().st_size)
        damaged.write_bytes(b"")
        assert [one.subject for one in verify(store, now).faults] == [str(damaged.relative_to(store.folder))]
        assert repair(store).lost_rows["events"] == 100
        assert verify(store, now).faults == []
        assert store.rows("select (select count(*) from events), (select sum(events) from hourly)") == [(100, 100)]
        maintain(store, now + timedelta(hours=2))
        assert stop_sentences(store, now + timedelta(hours=2)) == []
        with pytest.raises(StoreError, match="pg_dump"):
            back_up(store, tmp_path / "backup")
    # The copy that the sentence describes.
    copy = server.settings(server.database(), tmp_path / "copy")
    environment = os.environ | {"PGPASSWORD": PASSWORD}
    dump = ["pg_dump", f"--file={tmp_path}/catalog.sql", settings.catalog_address]
    subprocess.run(dump, env=environment, check=True)
    shutil.copytree(settings.folder, copy.folder)
    load = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", f"{tmp_path}/catalog.sql", copy.catalog_address]
    subprocess.run(load, env=environment, check=True, stdout=subprocess.DEVNULL)
    with closing(open_store(copy)) as store:
        assert verify(store, now).faults == []
        query = "select count(*), bool_and(starts_with(filename, ?)) from events"
        assert store.rows(query, [f"{copy.folder}/"]) == [(100, True)]
    before = sorted(settings.folder.rglob("*.parquet"))
    with pytest.raises(StoreError, match="The PostgreSQL catalog is missing or empty"):
        open_store(server.settings(server.database(), tmp_path / "files"))
    assert sorted(settings.folder.rglob("*.parquet")) == before
