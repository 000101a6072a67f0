"""The files of a sample tenant and the ledger of what is in them: lines, rejects, and which event went where."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.sample.nouns import Facts
from pipeline.sample.shapes import dump

KEY = "answers.json"


@dataclass(slots=True)
class Ledger:
    """Writes files below a folder and keeps count while doing so."""

    folder: Path
    files: dict[str, Facts] = field(default_factory=dict)
    where: dict[Hashable, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The files in which an event's key (or a story's name, for what is no event) occurs."""

    def lines(
        self, name: str, source: str, lines: list[str], keys: Iterable[Hashable], rejects: int = 0, end: str = "\n"
    ) -> None:
        """Writes text lines; blank ones are not counted. Nothing at all leaves no file."""
        if lines:
            text = "".join(line + end for line in lines)
            self.store(name, source, text.encode(), sum(bool(line) for line in lines), keys, rejects)

    def store(
        self, name: str, source: str, content: bytes, count: int, keys: Iterable[Hashable], rejects: int = 0
    ) -> None:
        """Writes bytes, compressed where the name ends in .gz, and enter the file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, 6, mtime=0) if name.endswith(".gz") else content)
        self.files[name] = {"source": source, "lines": count, "rejects": rejects}
        for key in keys:
            self.where[key].add(name)

    def document(self, name: str, content: object) -> Path:
        """Writes a document that is no log, readable by people."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pretty(content), encoding="utf-8", newline="\n")
        return path


def clear(folder: Path) -> None:
    """Removes the files of a tenant that was written below a folder before, as its answer key lists them, and no other.

    Otherwise a tenant of other dates would stay beside the new one.
    """
    key = folder / KEY
    files = json.loads(key.read_text("utf-8"))["files"] if key.is_file() else {}
    for path in (*(folder / name for name in files), key):
        if path.resolve().is_relative_to(folder.resolve()):
            path.unlink(missing_ok=True)


def pretty(content: object) -> str:
    """Returns JSON with one member of the outer two levels per line.

    >>> print(pretty({"a": {"b": [1, 2]}, "c": 3}), end="")
    {
      "a": {
        "b": [1,2]
      },
      "c": 3
    }
    """
    if not isinstance(content, dict):
        return dump(content)
    members = ",\n".join(f"  {dump(key)}: {_inner(value)}" for key, value in content.items())
    return f"{{\n{members}\n}}\n"


def _inner(value: object) -> str:
    """Returns the second level, a line per member or element."""
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f"    {dump(key)}: {dump(each)}" for key, each in value.items()) + "\n  }"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(f"    {dump(each)}" for each in value) + "\n  ]"
    return dump(value)
