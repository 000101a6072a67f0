"""The three CSV files of a portal download, which find each other in their folder or zip file."""

from collections.abc import Callable, Iterable
from contextlib import suppress

from pipeline.ingest.discover import File
from pipeline.ingest.formats import recognise
from pipeline.ingest.layout import Head
from pipeline.ingest.opened_file import open_file


class Siblings:
    """The files of each folder; those of a folder with a CSV are looked at once."""

    def __init__(self, files: Iterable[File]) -> None:
        self._files: dict[str, list[File]] = {}
        self._heads: dict[str, Head | None] = {}
        self.add(files)

    def add(self, files: Iterable[File]) -> None:
        """Adds files, such as those of a zip file."""
        for file in files:
            self._files.setdefault(file.group, []).append(file)

    def part_of(self, main: File, is_part: Callable[[Head], bool]) -> File | None:
        """Finds the file that belongs to a download's main file: in its folder, and named most alike."""
        parts = [file for file, head in self._csv_files(main.group) if is_part(head)]
        return max(parts, key=lambda file: letters_shared(file.name, main.name), default=None)

    def has_main_file(self, part: File) -> bool:
        """Whether the main file of a download is in the folder of another part of it."""
        return any(recognise(head) for _, head in self._csv_files(part.group))

    def _csv_files(self, group: str) -> list[tuple[File, Head]]:
        """Lists the CSV files of a folder."""
        files = [file for file in self._files.get(group, ()) if not file.fault]
        return [(file, head) for file in files if (head := self._head_of(file)) is not None]

    def _head_of(self, file: File) -> Head | None:
        """Looks at a file; None for one that is no CSV or cannot be read."""
        if file.name not in self._heads:
            self._heads[file.name] = None
            with suppress(OSError), open_file(file) as opened:
                if not opened.is_zip and opened.head.layout == "csv":
                    self._heads[file.name] = opened.head
        return self._heads[file.name]


def letters_shared(one: str, other: str) -> int:
    """Counts the letters with which two names begin alike."""
    return next(
        (n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )
