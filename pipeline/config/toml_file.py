"""TOML files that people write: read with the line of every key, and changed one table at a time.

Reading is the standard library's. tomlkit keeps comments and layout where a table is changed.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from pipeline.config.errors import ProvisioningError

MARK = "\0"
"A character that no TOML file may hold."


@dataclass(frozen=True)
class TomlFile:
    """A file that was read."""

    path: Path
    text: str
    tables: dict[str, Any]

    def place(self, *keys: str) -> str:
        """Returns file and line of a key, or of as much of the way to it as is written."""
        return f"{self.path}:{line_of(self.text, *keys)}"


def read_toml(path: Path, failure: type[ProvisioningError], remedy: str = "") -> TomlFile:
    """Reads a file; raises `failure` with the file and the reason, and `remedy` where it cannot be read at all."""
    try:
        text = path.read_text(encoding="utf-8")
        return TomlFile(path, text, tomllib.loads(text))
    except OSError as error:
        raise failure(f"{path} cannot be read ({error.strerror}){remedy and f'; {remedy}'}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise failure(f"{path} is no TOML: {error}.") from None


def line_of(text: str, *keys: str) -> int:
    r"""Returns the line of a key, or of as much of the way to it as is written, counted from 1.

    tomlkit 0.15 keeps no positions, so the item is indented by a mark and the lines before the mark are counted.

    >>> line_of("[smtp]\nport = 25\n\n[route.cerby]\nemail = 'it'\n", "route", "cerby", "email")
    5
    >>> line_of("[smtp]\nport = 25\n\n[route.cerby]\nemail = 'it'\n", "route", "cerby", "to")
    4
    """
    for depth in range(len(keys), 0, -1):
        document = tomlkit.parse(text)
        item: Any = document
        for key in keys[:depth]:
            item = item.get(key) if isinstance(item, Mapping) else None
        if (trivia := getattr(item, "trivia", None)) is not None:
            trivia.indent = MARK
            before, mark, _ = document.as_string().partition(MARK)
            if mark:
                return before.count("\n") + 1
    return 1


def with_table(text: str, path: tuple[str, ...], values: Mapping[str, Any]) -> str | None:
    r"""Returns the text with one table holding just these values; None where it is written in another way.

    Tables inside it, comments and everything else stay; an emptied table goes, unless a comment is in it.

    >>> print(with_table("[a]\n# why\nx = 1 # one\n[b]\n", ("a",), {"x": [5, 3]}), end="")
    [a]
    # why
    x = [5, 3] # one
    [b]
    """
    document = tomlkit.parse(text)
    try:
        fill(document, path, values)
    except (TOMLKitError, ValueError, TypeError, AttributeError):
        return None
    return document.as_string().rstrip("\n") + "\n"


def fill(table: Any, path: tuple[str, ...], values: Mapping[str, Any]) -> None:
    """Sets the values of the table at a path inside another, and removes the tables that this leaves empty."""
    if path:
        name, *rest = path
        if is_new := name not in table:
            table[name] = tomlkit.table(is_super_table=bool(rest))
        fill(table[name], tuple(rest), values)
        if is_new and not rest:
            table[name].add(tomlkit.nl())
        if not table[name] and not tomlkit.dumps(table[name]).strip():
            del table[name]
        return
    for name in [name for name, value in table.items() if not isinstance(value, Mapping) and name not in values]:
        del table[name]
    for name, value in values.items():
        if name not in table or table[name] != value:
            table[name] = value


def replace_file(path: Path, text: str, failure: type[ProvisioningError]) -> None:
    """Replaces a file's text in one step, so that no reader meets half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise failure(f"{path} cannot be written ({error.strerror}); nothing was changed.") from None
