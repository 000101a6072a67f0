"""A file that is as it was when it was read is known by its state, without being opened; any change of it is seen."""

import os
import time
from functools import partial
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest import discover, files
from pipeline.ingest.discover import walk
from pipeline.ingest.files import ingest
from pipeline.store.lake import Store, open_store
from tests.support.loads import load, openings, put, read, rows, tally
from tests.support.shapes import array, event, lines, packed, portal, zipped


@pytest.fixture(autouse=True)
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file settles within a moment: no test waits for two seconds. File systems here count in milliseconds."""
    monkeypatch.setattr(discover, "SETTLED_NS", 50_000_000)


def settle() -> None:
    """Waits until what was written is settled."""
    time.sleep(0.06)


SHAPES = {
    "log": lines([event("ada", 1), event("ada", 2)]),
    "half.log": lines([event("bob", 1), event("bob", 2)])[:-50],
    "array.json": array([event("cid", 1)]),
    "log.gz": packed(lines([event("dan", 1)])),
    "broken": lines([event("eve", 1)]) + b"oops\n",
    "other": b"nothing known",
}


def test_what_was_read_is_not_opened_again(store: Store, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", SHAPES)
    settle()
    read(store, folder)
    revision = store.revision()
    with openings(folder) as opened:
        found = read(store, folder)
    assert {Path(name).name for name in opened} == {"half.log"}, "its rest has not come yet"
    assert {tally(one) for one in found.values()} == {(0, 0, 0, 0)} and len(found) == len(SHAPES)
    assert store.revision() == revision


def test_what_was_too_fresh_when_it_was_read_is_opened_once_more(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CONFIRMED_AT_LEAST", 1)
    folder = put(tmp_path / "in", {"log": SHAPES["log"]})
    with monkeypatch.context() as slow:
        slow.setattr(discover, "SETTLED_NS", 60_000_000_000)
        read(store, folder)
    assert rows(store, "select file_state from files") == [{"file_state": None}]
    settle()
    opens = []
    for _ in range(3):
        with openings(folder) as opened:
            read(store, folder)
            opens.append(len(opened))
    assert opens == [1, 0, 0]


def test_few_files_that_were_opened_for_nothing_cost_no_commit(store: Store, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"log": SHAPES["log"]})
    read(store, folder)
    settle()
    os.utime(folder / "log")
    settle()
    revision = store.revision()
    assert tally(read(store, folder)["log"]) == (0, 0, 0, 0)
    assert store.revision() == revision


def test_a_state_is_not_written_over_what_another_process_has_read(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CONFIRMED_AT_LEAST", 1)
    folder = put(tmp_path / "in", {"log": SHAPES["log"], "other": lines([event("zoe", 1)])})
    settle()
    read(store, folder)
    os.utime(folder / "log", (1, 1))
    settle()

    def another(_done: int, _all: int) -> None:
        if (folder / "log").stat().st_mtime == 1:
            with (folder / "log").open("ab") as log:
                log.write(lines([event("ada", 3)]))
            ingest(store, [folder / "log"])

    ingest(store, [folder], progress=another)
    assert rows(store, 'select lines, read_to = "size" as whole from files order by "file"')[0] == {
        "lines": 3,
        "whole": True,
    }
    assert tally(read(store, folder)["log"]) == (0, 0, 0, 0)


def rewritten(file: Path, data: bytes) -> None:
    """Writes other bytes of the same length in place, and sets the file's times back."""
    before = file.stat()
    assert before.st_size == len(data)
    with file.open("r+b") as out:
        out.write(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_other_content_of_the_same_size_and_time_is_read(store: Store, tmp_path: Path) -> None:
    first, second = lines([event("ada", 1)]), lines([event("bob", 1)])
    folder = put(tmp_path / "in", {"log": first})
    settle()
    assert tally(read(store, folder)["log"]) == (1, 1, 0, 0)
    rewritten(folder / "log", second)
    settle()
    assert tally(read(store, folder)["log"]) == (1, 1, 0, 0)


def test_growth_truncation_and_replacement_are_read(store: Store, tmp_path: Path) -> None:
    told = [event(f"g{number}", number) for number in range(5)]
    file = put(tmp_path / "in", {"log": lines(told[:1])}) / "log"
    steps = [lines(told[:2]), lines(told[2:3]), lines(told[3:5])]
    settle()
    read(store, file.parent)
    for data, kept in zip(steps, (1, 1, 2), strict=True):
        file.with_name(".new").write_bytes(data)
        file.with_name(".new").rename(file)
        settle()
        assert read(store, file.parent)["log"].kept == kept
        assert tally(read(store, file.parent)["log"]) == (0, 0, 0, 0)


def test_a_reader_that_was_stopped_in_a_file_reads_its_rest(settings: Settings, store: Store, tmp_path: Path) -> None:
    records = [event(f"s{number}", number % 700) for number in range(120)]
    folder = put(tmp_path / "in", {"a.log": lines(records), "b.gz": packed(lines([*records[60:], event("u", 1)]))})
    settle()
    small = open_store(settings.model_copy(update={"slice_bytes": 65536}))

    def stop(stop_at: int, done: int, _all: int) -> None:
        if done > stop_at:
            raise KeyboardInterrupt

    for stop_at in (70_000, 150_000):
        with pytest.raises(KeyboardInterrupt):
            ingest(small, [folder], progress=partial(stop, stop_at))
    read(small, folder)
    assert small.rows("select count(*) from events") == [(121,)]
    small.close()


def test_a_file_that_could_not_be_read_is_tried_again(store: Store, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"a": lines([event("ada", 1)])})
    (folder / "b").symlink_to("/proc/self/mem")
    settle()
    for _ in range(2):
        report = ingest(store, [folder])
        assert report.unreadable == {"/proc/self/mem"} or len(report.unreadable) == 1


def test_parts_of_a_download_find_each_other_whenever_they_come(store: Store, tmp_path: Path) -> None:
    parts = portal([event("ada", 1), event("bob", 2)])
    main, *others = sorted(parts)
    folder = put(tmp_path / "in", {name: parts[name] for name in others})
    settle()
    read(store, folder)
    put(folder, {main: parts[main]})
    settle()
    assert read(store, folder)[main].kept == 2
    assert rows(store, "select sum(len(steps)) as steps from events") == [{"steps": 6}]


def test_a_walk_is_in_the_order_of_parts_and_passes_over_what_is_no_log(tmp_path: Path) -> None:
    names = ["a-b/x", "a/z", "a/b/c", "a.log", "B", "d.tmp/e", "x.py", "n.MD", ".hid/e", "__MACOSX/f", "g.part", "é/漢"]
    folder = put(tmp_path / "in", dict.fromkeys(names, b"x"))
    (folder / "link").symlink_to(folder / "B")
    (folder / "loop").symlink_to(folder)
    read_names = [
        name for name in [*names, "link"] if not name.endswith((".py", ".MD", ".part")) and name[0] not in "._"
    ]
    expected = sorted(Path(name) for name in read_names)
    found = list(walk(folder))
    assert [Path(file.path).relative_to(folder) for file in found] == expected
    assert {Path(file.name) for file in found} == {(folder / name).resolve() for name in read_names}


def test_files_of_a_zip_are_read_again_when_it_changes(store: Store, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", {"a.zip": zipped({"x": lines([event("ada", 1)])})})
    settle()
    assert read(store, folder)["a.zip/x"].kept == 1
    found = load(store, folder, {"a.zip": zipped({"x": lines([event("bob", 1)]), "y": lines([event("cid", 1)])})})
    assert (found["a.zip/x"].kept, found["a.zip/y"].kept) == (1, 1)
