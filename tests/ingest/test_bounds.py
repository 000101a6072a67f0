"""Bounds: what a compressed file may unpack to, what a load holds in memory, what lies around afterwards."""

import gzip
import os
import stat
import tempfile
from pathlib import Path

import pytest

from pipeline.collect.inbox import Inbox
from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import Store, open_store
from tests.support.lakes import copied, ended, next_line, script
from tests.support.loads import load, load_one, put, reasons
from tests.support.shapes import dumped, event, lines, zipped

MB = 1 << 20
LARGE = 50 * MB
MEASURED = """
    import sys
    def peak_mb():
        [line] = [one for one in open("/proc/self/status") if one.startswith("VmHWM")]
        return int(line.split()[1]) >> 10
    from pipeline.config.settings import read_settings
    from pipeline.ingest.files import ingest
    from pipeline.store.lake import open_store
    store = open_store(read_settings(_env_file=None))
    for one in ingest(store, [sys.argv[1]]).files:
        print(one.kept, one.rejects, peak_mb())
"""


@pytest.fixture
def small(settings: Settings, blank: Settings) -> Store:
    """A store whose limits are low."""
    copied(blank, settings)
    return open_store(settings.model_copy(update={"unpacked_bytes": 2 * MB, "archive_members": 2}))


def test_a_file_that_unpacks_to_more_than_it_may_gives_what_came_before(small: Store, tmp_path: Path) -> None:
    whole = lines([event("ada", number) for number in range(1200)])
    found = load_one(small, tmp_path / "in", gzip.compress(whole), "log.json.gz")
    assert 500 < found.kept < 1200 and found.rejects == 2
    assert any("PROVISIONING_UNPACKED_RATIO" in reason for reason in reasons(small))
    small.close()


def test_a_zip_file_has_limits_of_size_and_members(small: Store, tmp_path: Path) -> None:
    few = {f"{number}.json": lines([event("ada", number)]) for number in range(4)}
    found = load(
        small, tmp_path / "in", {"many.zip": zipped(few), "large.zip": zipped({"zeros.json": b"0" * (4 * MB)})}
    )
    assert sum(one.kept for one in found.values()) == 2
    assert any("holds 4 files; at most 2 are read" in reason for reason in reasons(small))
    assert any("unpacks to more than" in reason for reason in reasons(small))
    small.close()


def page_of(data: bytes, amount: int) -> bytes:
    """Builds a page of Graph's of at least so many bytes, whose records differ in their ids."""
    return b"".join(
        data.replace(b"the-id", f"id-{number:08d}".encode()) + b"," for number in range(amount // len(data) + 1)
    )


@pytest.mark.deep
def test_a_large_document_is_never_held_as_a_whole(
    settings: Settings, blank: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(blank, settings)
    monkeypatch.setenv("PROVISIONING_MEMORY", "300MB")
    record = event("ada", 1, id="the-id", provisioningSteps=[], modifiedProperties=[])
    filler = dumped(record | {"sourceIdentity": {"id": "x" * 20_000, "displayName": "y"}}).encode()
    last = dumped(event("eve", 3)).encode()
    data = b'{"value": [' + page_of(filler, LARGE) + b'{"id": broken}, ' + last + b"]}"
    file = put(tmp_path / "in", {"page.json": gzip.compress(data, 1)}) / "page.json"
    kept, rejects, rss = ended(script(MEASURED, str(file)))[1].split()
    assert (int(kept), int(rejects)) == (LARGE // len(filler) + 2, 1)
    assert int(rss) < 300 + 300


def test_a_link_in_the_inbox_shows_nothing_of_what_it_leads_to(store: Store, tmp_path: Path) -> None:
    secret = put(tmp_path / "elsewhere", {"secret.txt": b"sauce", "log.json": lines([event("ada", 1)])})
    inbox = put(
        store.settings.inbox, {"real.json": lines([event("bob", 2)]), "deeper/x.json": lines([event("eve", 3)])}
    )
    os.utime(inbox / "real.json", (1e9, 1e9))
    os.utime(inbox / "deeper/x.json", (1e9, 1e9))
    (inbox / "link").symlink_to(secret / "secret.txt")
    (inbox / "log").symlink_to(secret / "log.json")
    (inbox / "folder").symlink_to(secret)
    (inbox / "inside").symlink_to(inbox / "real.json")
    os.mkfifo(inbox / "pipe")
    watched = Inbox()
    report, waiting = watched.read(store)
    assert (sum(one.kept for one in report.files), waiting) == (2, [])
    assert [row[0] for row in store.rows("select raw from rejects")] == [b"", b"", b""]
    assert all("leads out of the inbox" in reason for reason in reasons(store))
    assert all(one.lines == 0 for one in watched.read(store)[0].files)
    assert sum(one.lines for one in ingest(store, [inbox]).files) == 0


def test_what_is_spilled_is_private_and_swept(settings: Settings, blank: Settings) -> None:
    copied(blank, settings)
    killed = script(
        """
        from pipeline.config.settings import read_settings
        from pipeline.store.lake import open_store
        store = open_store(read_settings(_env_file=None))
        print(store.rows("select current_setting('temp_directory')")[0][0], flush=True)
        input()
        """
    )
    folder = Path(next_line(killed))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and folder.parent == Path(tempfile.gettempdir())
    open_store(settings).close()
    assert folder.exists(), "its process is alive"
    (folder / "duckdb_temp_block").write_bytes(b"secrets")
    killed.kill()
    killed.communicate()
    store = open_store(settings)
    own = Path(store.rows("select current_setting('temp_directory')")[0][0])
    assert not folder.exists() and own.exists()
    store.close()
    assert not own.exists()
