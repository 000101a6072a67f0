"""Folders for what does not fit into memory: each of one connection's own, for this user alone, swept once it is dead.

DuckDB's own choice, `.tmp` where the program was started, is shared by all processes there, their files have the same
names, and everybody may read them. Can go when a database without a file has a folder of its own by default.
"""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

PREFIX = "provisioning-spill-"
UNLOCKED = ".provisioning-spill-"
"How a folder is named until it is locked."


class SpillFolder:
    """A folder under a lock that its process holds; it is removed when it is closed, or by the next that starts."""

    def __init__(self) -> None:
        base = Path(gettempdir())
        sweep(base)
        made = Path(mkdtemp(prefix=UNLOCKED, dir=base))
        self._lock: int | None = os.open(made, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path = made.with_name(PREFIX + made.name.removeprefix(UNLOCKED))
        made.rename(self.path)

    def close(self) -> None:
        """Removes the folder."""
        if self._lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = None


def sweep(base: Path) -> None:
    """Removes the folders of this user's processes that have ended without closing them."""
    with suppress(OSError), os.scandir(base) as entries:
        left = [Path(entry) for entry in entries if entry.name.startswith(PREFIX)]
        for folder in left:
            with suppress(OSError):
                remove_if_dead(folder)


def remove_if_dead(folder: Path) -> None:
    """Removes a folder that no process has locked; another user's is left alone."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid == os.getuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)
