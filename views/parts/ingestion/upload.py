"""Dropping a file: it is saved into the inbox, and nowhere else, loaded, and the result said in a sentence.

Also who runs the beats, which read the inbox when nobody is here.
"""

import os
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pipeline.config.errors import IngestError, StoreError
from pipeline.config.settings import Settings
from pipeline.ingest.files import FileResult, ingest
from pipeline.store.leader import holder
from views.frame.data import Row, ask, records, store
from views.frame.look import count, plain

Said = tuple[bool, str]
"Whether all went well, and what happened."


def who_beats(settings: Settings) -> str:
    """Says which process runs the beats."""
    running = holder(settings)
    if running is None:
        return (
            ":material/heart_broken: Nobody runs the beats; files in the inbox wait until somebody does: "
            "`python -m pipeline watch`."
        )
    if running.pid == os.getpid():
        return (
            f":material/favorite: This process runs the beats: it reads `{settings.inbox}` by itself "
            "and keeps the store tidy."
        )
    return f":material/favorite: Another process runs the beats: {plain(str(running))}."


def place(inbox: Path, name: str) -> Path:
    """Gives where an upload goes: its base name inside the inbox, whatever path it claims to have.

    >>> place(Path("inbox"), "../../etc/cron.d/evil").as_posix()
    'inbox/evil'
    """
    base = Path(name.replace("\\", "/")).name.replace("\0", "").strip().lstrip(".")
    return inbox / (base or "upload")


def free(path: Path) -> Path:
    """Gives a path where no other file is yet: the same name, numbered if need be."""
    stem, suffixes = path.name.partition(".")[0], "".join(path.suffixes)
    tries = (path.with_name(f"{stem}-{number}{suffixes}") for number in range(2, 10_000))
    return path if not path.exists() else next(each for each in tries if not each.exists())


def save(inbox: Path, name: str, content: bytes) -> Path:
    """Writes an upload into the inbox in one move, so that a beat never sees half of it."""
    inbox.mkdir(parents=True, exist_ok=True)
    path = place(inbox, name)
    if path.exists() and path.read_bytes() == content:
        return path
    path = free(path)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
    return path


def draw(settings: Settings) -> None:
    """Draws the drop zone and loads what is dropped, once."""
    st.subheader("Load a file", anchor="load")
    round_ = st.session_state.get("inbox_round", 0)
    dropped = st.file_uploader(
        "Drop provisioning logs, SCIM request logs or job status here: plain, gzip or zip. The content tells which.",
        accept_multiple_files=True,
        key=f"inbox-{round_}",
    )
    if dropped:
        paths = [save(settings.inbox, file.name, file.getvalue()) for file in dropped]
        st.session_state.inbox_said = load(paths)
        st.session_state.inbox_round = round_ + 1
        st.rerun()
    for good, sentence in st.session_state.get("inbox_said", []):
        (st.success if good else st.warning)(sentence, icon=":material/check_circle:" if good else ":material/report:")


def load(paths: list[Path]) -> list[Said]:
    """Loads files with the ingester and gives a sentence for each: whether all went well, and what happened."""
    bar = st.progress(0.0, text=f"Loading {count(len(paths), 'file')} …")
    try:
        report = ingest(store(), paths, progress=lambda done, total: told(bar, done, total))
    except (IngestError, StoreError, OSError) as error:
        names = ", ".join(path.name for path in paths)
        return [(False, plain(f"{names}: saved in the inbox but not loaded. {error}"))]
    finally:
        bar.empty()
    return [said(file) for file in report.files]


def told(bar: DeltaGenerator, done: int, total: int) -> None:
    """Moves the progress bar."""
    bar.progress(min(1.0, done / max(total, 1)), text=f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB read")


def said(file: FileResult) -> Said:
    """Says what became of one file; what a beat or an earlier day has read already is looked up."""
    name = Path(file.file).name
    if file.lines:
        source = f"read as {file.source}" if file.source else "not recognised by any source"
        return not file.rejects, plain(f"{name}: {source}; {counts(vars(file))}.")
    ledger = ask("file_ledger")
    known = records(ledger[ledger["file"] == file.file])
    if not known:
        return False, plain(f"{name}: it is empty, so there was nothing to read.")
    return not known[0]["rejects"], plain(f"{name}: nothing in it is new. When it was read: {counts(known[0])}.")


def counts(file: Row) -> str:
    """Says what became of a file's lines."""
    parts = [f"{file['kept']:,} of {count(file['lines'], 'line')} kept"]
    parts += [count(file["duplicates"], "duplicate")] if file["duplicates"] else []
    parts += [count(file["rejects"], "reject") + " (the reasons are below)"] if file["rejects"] else []
    parts += [f"{count(file['unfamiliar'], 'row')} with an unfamiliar value"] if file["unfamiliar"] else []
    return ", ".join(parts)
