"""The watched inbox: whatever is new or has grown in it is looked at within a second.

Not every file system reports changes (network shares often do not), so the ingest job looks by itself as well.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event

import watchfiles

from pipeline.config.errors import JobFailed, StoreError
from pipeline.config.wording import count
from pipeline.ingest.discover import File, walk
from pipeline.ingest.files import Progress, Report, ingest
from pipeline.ingest.formats import recognise
from pipeline.ingest.opened_file import open_file
from pipeline.ingest.pieces import RESTS_S
from pipeline.store.lake import Store

logger = logging.getLogger(__name__)

STEP_MS = 200
"How long changes are gathered before they are reported."
IDLE_SHARE = 400
"""Looks that find nothing new take one part in so many of a core, 9 s an hour, however many files there are. A look at
30,000 files takes 0.1 to 0.2 s, so that there a change that nobody reports is found within a minute or so."""


class Inbox:
    """The inbox, and the state of each of its files when it was read: none is opened while it is as it was."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._changed = Event()
        self._next_look = 0.0

    def report_change(self) -> None:
        """Makes the next look due at once."""
        self._changed.set()

    @property
    def is_due(self) -> bool:
        """Whether a change was reported, or it is time to look without one."""
        return self._changed.is_set() or time.monotonic() >= self._next_look

    def read(self, store: Store, progress: Progress | None = None) -> tuple[Report, list[File]]:
        """Reads what is new; returns the report, and the files that are still being written and wait."""
        self._changed.clear()
        self._next_look = 0.0
        began = time.thread_time()
        found = list(walk_inbox(store.settings.inbox))
        news = [file for file in found if file.state is None or self._states.get(file.name) != file.state]
        if not news:
            self._next_look = time.monotonic() + IDLE_SHARE * (time.thread_time() - began)
            return Report(), []
        waiting = unfinished_of(news)
        later = {file.name for file in waiting}
        try:
            report = ingest(store, [file for file in news if file.name not in later], progress=progress, beside=found)
        except StoreError as error:
            raise JobFailed(f"{named(news)}: {error}") from error
        later |= report.unreadable
        self._states = {file.name: file.state for file in found if file.state is not None and file.name not in later}
        return report, waiting


def walk_inbox(inbox: Path) -> Iterator[File]:
    """Yields the inbox's files; what a link leads to outside of it is none."""
    return walk(inbox, str(inbox.resolve()))


def named(files: Sequence[File]) -> str:
    """Names the first of some files, and how many more there are."""
    return files[0].name + (f" and {count(len(files) - 1, 'more file')}" if len(files) > 1 else "")


def unfinished(inbox: Path) -> set[Path]:
    """Returns the files of the inbox that may still be written to and cannot be read in part.

    A log of lines is never among them: its whole lines are read, and its last one waits for its end.
    """
    return {Path(file.path) for file in unfinished_of(walk_inbox(inbox))}


def unfinished_of(files: Iterable[File]) -> list[File]:
    """Returns those of some files that may still be written to and cannot be read in part."""
    return [
        file
        for file in files
        if not file.fault and file.state is None and is_young(Path(file.path)) and not by_lines(file)
    ]


def is_young(file: Path) -> bool:
    """Whether a file was written to a moment ago; a time in the future is a wrong clock, and no sign of it."""
    try:
        return 0 <= time.time() - file.stat().st_mtime < RESTS_S
    except OSError:
        return False


def by_lines(file: File) -> bool:
    """Whether what a file holds so far is a log of lines."""
    try:
        with open_file(file) as opened:
            if opened.is_zip or opened.compressed:
                return False
            return opened.head.by_lines and recognise(opened.head) is not None
    except OSError:
        return True


def watch(inbox: Path, stop: Event, see: Callable[[], object]) -> None:
    """Calls `see` whenever something in the inbox is new or has grown, and when what was being written rests.

    Ends when `stop` is set. Where a folder cannot be watched, that is logged once, and the ingest job goes on alone.
    """
    try:
        inbox.mkdir(parents=True, exist_ok=True)
        changes = watchfiles.watch(
            inbox,
            watch_filter=None,
            debounce=2 * STEP_MS,
            step=STEP_MS,
            stop_event=stop,
            rust_timeout=1000,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        waiting = False
        for change in changes:
            if (change or waiting) and not stop.is_set():
                see()
                waiting = bool(unfinished(inbox))
    except Exception:
        logger.exception("The inbox %s cannot be watched; every run of the ingest job looks at it instead", inbox)
