"""The watched inbox: whatever is new or has grown in it is looked at within a second.

Not every file system reports changes (network shares often do not), so the ingest job looks by itself as well.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import watchfiles

from pipeline.ingest.discover import File, is_log_name
from pipeline.ingest.formats import recognise
from pipeline.ingest.opened_file import open_file
from pipeline.ingest.pieces import RESTS_S

logger = logging.getLogger(__name__)

STEP_MS = 200
"How long changes are gathered before they are reported."


def unfinished(inbox: Path) -> set[Path]:
    """Returns the files of the inbox that may still be written to and cannot be read in part.

    A log of lines is never among them: its whole lines are read, and its last one waits for its end.
    """
    young = [file for file in inbox.rglob("*") if is_log_name(file.relative_to(inbox)) and is_young(file)]
    return {file for file in young if not by_lines(file)}


def is_young(file: Path) -> bool:
    """Whether a file was written to a moment ago; a time in the future is a wrong clock, and no sign of it."""
    try:
        return file.is_file() and 0 <= time.time() - file.stat().st_mtime < RESTS_S
    except OSError:
        return False


def by_lines(file: Path) -> bool:
    """Whether what a file holds so far is a log of lines."""
    try:
        with open_file(File(str(file), file)) as opened:
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
        logger.exception("The inbox %s cannot be watched; it is looked at on every ingest beat instead", inbox)
