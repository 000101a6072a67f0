"""Dropping a file: it is saved into the inbox, and nowhere else, loaded, and the result is a sentence.

Also who runs the background jobs, which read the inbox without a person.
"""

import os
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pipeline.config.errors import IngestError, StoreError
from pipeline.config.settings import Settings
from pipeline.config.wording import count, dated
from pipeline.ingest.files import FileResult, ingest
from pipeline.store.leader import current_leader
from views.frame.data import Row, ask, records, store
from views.frame.filters import read_instant
from views.frame.look import plain
from views.frame.state import UPLOAD_RESULTS, UPLOADS, Key

Result = tuple[bool, str]
"Whether all went well, and what happened."


def runner_sentence(settings: Settings) -> str:
    """Writes which process runs the background jobs."""
    running = current_leader(settings)
    if running is None:
        return (
            "Background jobs are not running: files in the inbox are not loaded until they run. Start "
            "`python -m pipeline watch`."
        )
    if running.pid == os.getpid():
        return f"Files put into `{settings.inbox}` are loaded automatically."
    since = read_instant(running.since)
    when = f", since {dated(since)}" if since else ""
    where = f" (process {running.pid} on {plain(running.host)}{when})" if running.pid else ""
    return f"Background jobs are running in another process{where}."


def inbox_path(inbox: Path, name: str) -> Path:
    """Returns where an upload goes: its base name inside the inbox, whatever path it claims to have.

    >>> inbox_path(Path("inbox"), "../../etc/cron.d/evil").as_posix()
    'inbox/evil'
    """
    base = Path(name.replace("\\", "/")).name.replace("\0", "").strip().lstrip(".")
    return inbox / (base or "upload")


def unused(path: Path) -> Path:
    """Returns a path where no other file is yet: the same name, numbered if need be."""
    stem, suffixes = path.name.partition(".")[0], "".join(path.suffixes)
    tries = (path.with_name(f"{stem}-{number}{suffixes}") for number in range(2, 10_000))
    return path if not path.exists() else next(each for each in tries if not each.exists())


def save(inbox: Path, name: str, content: bytes) -> Path:
    """Writes an upload into the inbox in one move, so that a background job never reads half of it."""
    inbox.mkdir(parents=True, exist_ok=True)
    path = inbox_path(inbox, name)
    if path.exists() and path.read_bytes() == content:
        return path
    path = unused(path)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
    return path


def draw_upload(settings: Settings) -> None:
    """Draws the drop zone and loads what is dropped, once."""
    round_ = UPLOADS.get()
    dropped = st.file_uploader(
        "Provisioning logs, SCIM request logs or job status; plain, gzip or zip",
        accept_multiple_files=True,
        key=Key.INBOX.of(round_),
    )
    if dropped:
        paths = [save(settings.inbox, file.name, file.getvalue()) for file in dropped]
        UPLOAD_RESULTS.set(load(paths))
        UPLOADS.set(round_ + 1)
        st.rerun()
    for good, sentence in UPLOAD_RESULTS.get():
        (st.success if good else st.warning)(sentence, icon=":material/check_circle:" if good else ":material/report:")


def load(paths: list[Path]) -> list[Result]:
    """Loads files with the ingester and returns a sentence for each: whether all went well, and what happened."""
    progress = st.progress(0.0, text=f"Loading {count(len(paths), 'file')} …")
    try:
        report = ingest(store(), paths, progress=lambda done, total: advance(progress, done, total))
    except (IngestError, StoreError, OSError) as error:
        names = ", ".join(path.name for path in paths)
        return [(False, plain(f"{names}: saved in the inbox but not loaded. {error}"))]
    finally:
        progress.empty()
    return [result_of(file) for file in report.files]


def advance(progress: DeltaGenerator, done: int, total: int) -> None:
    """Moves the progress bar."""
    progress.progress(min(1.0, done / max(total, 1)), text=f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB read")


def result_of(file: FileResult) -> Result:
    """Writes what became of one file; what a background job or an earlier day has read already is looked up."""
    name = Path(file.file).name
    if file.lines or file.passed_over:
        source = f"read as {file.source}" if file.source else "not recognised by any source"
        return not file.rejects, plain(f"{name}: {source}; {counts(vars(file))}.")
    ledger = ask("file_ledger")
    earlier = records(ledger[ledger["file"] == file.file])
    if not earlier:
        return False, plain(f"{name}: it is empty, so there was nothing to read.")
    return not earlier[0]["rejects"], plain(f"{name}: nothing in it is new. When it was read: {counts(earlier[0])}.")


def counts(file: Row) -> str:
    """Writes what became of a file's lines."""
    parts = [f"{file['kept']:,} of {count(file['lines'], 'line')} kept"]
    parts += [count(file["duplicates"], "duplicate")] if file["duplicates"] else []
    parts += [count(file["rejects"], "reject") + " (see Rejected lines)"] if file["rejects"] else []
    if file["passed_over"]:
        parts.append(f"{count(file['passed_over'], 'line')} passed over (no SCIM requests)")
    parts += [f"{count(file['unfamiliar'], 'row')} with an undocumented value"] if file["unfamiliar"] else []
    return ", ".join(parts)
