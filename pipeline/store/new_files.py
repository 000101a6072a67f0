"""The data files of one transaction, kept until it is known whether its commit was done.

DuckLake deletes what a transaction wrote when its commit fails, also when the connection broke after PostgreSQL had
committed: the catalog then named files that were gone, and every question of their tables failed. Can go when DuckLake
leaves them alone unless it knows that the commit was not done.
"""

import os
import shutil
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, Self

SLACK_MS = 2000
"How far the clock may be set back during a transaction."


class NewFiles:
    """The files that were written since this was made, held open so that they can be written again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # DuckLake's names begin with the time, in milliseconds.
        begun = f"{time.time_ns() // 1_000_000 - SLACK_MS:012x}"
        self._first = f"ducklake-{begun[:8]}-{begun[8:]}"
        self._stack = ExitStack()
        self._held: dict[Path, BinaryIO] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def hold(self) -> None:
        """Opens what was written so far: files are two folders deep, by schema and table."""
        for table in self._folder.glob("*/*/"):
            with os.scandir(table) as entries:
                new = [Path(entry.path) for entry in entries if entry.name >= self._first]
            for file in new:
                # A file of another transaction may have been deleted meanwhile.
                with suppress(FileNotFoundError):
                    self._held[file] = self._stack.enter_context(file.open("rb"))

    def restore(self) -> None:
        """Writes again what was deleted, in case the commit was done; if not, maintenance removes it."""
        for file, held in self._held.items():
            if not file.exists():
                draft = file.with_suffix(".restored")
                held.seek(0)
                with draft.open("wb") as copy:
                    shutil.copyfileobj(held, copy, 1 << 20)
                    copy.flush()
                    os.fsync(copy.fileno())
                draft.rename(file)
