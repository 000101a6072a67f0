"""Dropping a file: it is saved into the inbox, and nowhere else, loaded, and the result said in a sentence.

Also who runs the beats, which read the inbox when nobody is here.
"""

import os
from pathlib import Path
from typing import Any

import streamlit as st

from pipeline.lease import holder
from pipeline.settings import Settings
from pipeline.store import StoreError
from views._frame import store
from views._look import count, plain


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
    for good, said in st.session_state.get("inbox_said", []):
        (st.success if good else st.warning)(said, icon=":material/check_circle:" if good else ":material/report:")


def load(paths: list[Path]) -> list[tuple[bool, str]]:
    """Loads files with the ingester and gives a sentence for each: whether all went well, and what happened."""
    from pipeline.ingest import ingest

    bar = st.progress(0.0, text=f"Loading {count(len(paths), 'file')} …")
    told = []
    for number, path in enumerate(paths, 1):
        try:
            report = ingest(store(), [path])
        except (StoreError, OSError) as error:
            told.append((False, plain(f"{path.name} is in the inbox but could not be loaded: {error}")))
        else:
            told += [(not file.rejects, sentence(file)) for file in report.files] or [(False, nothing(path))]
        bar.progress(number / len(paths), text=f"Loaded {path.name}")
    bar.empty()
    return told


def sentence(file: Any) -> str:
    """Says what became of one file."""
    source = f"read as {file.source}" if file.source else "not recognised by any source"
    parts = [f"{file.kept:,} of {count(file.lines, 'line')} kept"]
    parts += [count(file.duplicates, "duplicate")] if file.duplicates else []
    parts += [count(file.rejects, "reject") + " (reasons below)"] if file.rejects else []
    parts += [f"{count(file.unfamiliar, 'row')} with an unfamiliar value"] if file.unfamiliar else []
    return plain(f"{Path(str(file.file)).name}: {source}; {', '.join(parts)}.")


def nothing(path: Path) -> str:
    """Says that a file had nothing new."""
    return plain(f"{path.name}: it was loaded before, and nothing in it is new.")
