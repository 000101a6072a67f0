"""The routes by which a log comes into the store, each as its users take it."""

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from time import time

from pipeline.collect.blobs.container import Blob
from pipeline.collect.blobs.stretches import Stretch, land_stretches
from pipeline.collect.inbox import Inbox
from pipeline.ingest.files import ingest
from pipeline.ingest.results import FileResult
from pipeline.ingest.stream import feed_all
from pipeline.store.lake import Store
from tests.support.shapes import zipped

Results = Sequence[FileResult]
NAMES = (
    "log.json",
    "lög 1.json",
    "a'b\"c.json",
    "=1+1.json",
    "caf\udce9.json",
    "new\nline.json",
    "%00.json",
    "x" * 200,
    "-",
)
"Names that files may have; the fifth is not UTF-8."


def read_file(store: Store, data: bytes, folder: Path, name: str) -> Results:
    """Reads one file."""
    return ingest(store, [written(folder / name, data)]).files


def read_folder(store: Store, data: bytes, folder: Path, name: str) -> Results:
    """Reads a folder in which the file lies deeper, beside one that is empty."""
    written(folder / "empty.json", b"")
    written(folder / name / "PT1H.json", data)
    return ingest(store, [folder]).files


def read_gzip(store: Store, data: bytes, folder: Path, name: str) -> Results:
    """Reads a compressed file."""
    return ingest(store, [written(folder / f"{name}.gz", gzip.compress(data, 1))]).files


def read_zip(store: Store, data: bytes, folder: Path, name: str) -> Results:
    """Reads a member of a zip file."""
    safe = name.encode("utf-8", "replace").decode()
    return ingest(store, [written(folder / "logs.zip", zipped({safe: data, "b.md": b"none"}))]).files


def read_pipe(store: Store, data: bytes, folder: Path, name: str) -> Results:
    """Reads a pipe, as standard input is read."""
    pipe = folder / name
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    try:
        return ingest(store, [pipe]).files
    finally:
        writer.join()


def read_inbox(store: Store, data: bytes, folder: Path, name: str) -> Results:
    """Has the inbox read what was put into it a while ago."""
    inbox = store.settings.inbox
    inbox.mkdir(exist_ok=True)
    file = written(inbox / folder.name / name, data)
    os.utime(file, (time() - 60, time() - 60))
    report, waiting = Inbox().read(store)
    assert waiting == []
    return report.files


def read_page(store: Store, data: bytes, folder: Path, _name: str) -> Results:
    """Lands an answer of Graph's."""
    return feed_all(store, f"graph:{folder.name}/auditLogs/provisioning", [data])


def read_blob(store: Store, data: bytes, folder: Path, _name: str) -> Results:
    """Lands a blob of a container: in two stretches of whole lines, or as a whole where it is a document."""
    url = f"https://logs.example/{folder.name}/PT1H.json"
    by_lines = not data.startswith((b"[", b'{"@odata.context": "x"', b'{"records": [{'))
    blob = Blob(f"{folder.name}/PT1H.json", url, len(data), "etag", by_lines, None)
    cut = data.find(b"\n", len(data) // 2) + 1 if by_lines else 0
    parts = [(0, data[:cut]), (cut, data[cut:])] if cut else [(0, data)]
    stretches = [Stretch(blob, begin, part, begin + len(part) == len(data), part[-1024:]) for begin, part in parts]
    return [result for stretch in stretches for result in land_stretches(store, [stretch])]


def written(file: Path, data: bytes) -> Path:
    """Writes a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


ROUTES: dict[str, Callable[[Store, bytes, Path, str], Results]] = {
    "file": read_file,
    "folder": read_folder,
    "gz": read_gzip,
    "zip": read_zip,
    "pipe": read_pipe,
    "inbox": read_inbox,
    "page": read_page,
    "blob": read_blob,
}
FILE_ROUTES = ("file", "folder", "inbox", "pipe", "zip")
"Those by which tables come; the others carry JSON and lines."
