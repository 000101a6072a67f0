"""Queries that people saved: a file each, in the folder of PROVISIONING_SAVED_QUERIES."""

import re
from contextlib import suppress
from pathlib import Path
from unicodedata import normalize

from pipeline.config.errors import ProvisioningError
from pipeline.config.settings import read_settings

NAME = re.compile(r"\w(?:[\w ()+,.-]{0,78}[\w)])?")
LONGEST_NAME = 200
"Bytes of a name, with which the file's whole name still fits."
LARGEST = 200_000
"Bytes of a file that is taken for a query."


class SavedQueryError(ProvisioningError):
    """A saved query cannot be read or written; the message says which and why."""


def folder() -> Path:
    """Returns the folder of saved queries."""
    return read_settings().saved_queries


def saved_names() -> list[str]:
    """Returns the names of the saved queries, in alphabetical order."""
    with suppress(OSError):
        names = (file.stem for file in folder().glob("*.sql") if file.is_file())
        return sorted((name for name in names if NAME.fullmatch(name)), key=str.casefold)
    return []


def checked_name(name: str) -> str:
    """Returns a name that any system takes as a file's, or raises SavedQueryError."""
    name = normalize("NFC", name).strip()
    if not NAME.fullmatch(name) or len(name.encode()) > LONGEST_NAME:
        raise SavedQueryError(
            f"'{name}' cannot be the name of a file. Use up to 80 letters, digits, spaces and ()+,.-_, "
            "beginning with a letter or digit."
        )
    return name


def file_of(name: str) -> Path:
    """Returns the file of a saved query."""
    return folder() / f"{checked_name(name)}.sql"


def read_saved(name: str) -> str:
    """Reads a saved query."""
    file = file_of(name)
    try:
        if file.stat().st_size > LARGEST:
            raise SavedQueryError(f"{file} has more than {LARGEST:,} bytes, which is too long for a query.")
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise SavedQueryError(f"There is no saved query '{name}'. It may have been deleted or renamed.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SavedQueryError(f"{file} cannot be read: {error}") from None


def save(name: str, text: str, *, replace: bool = False) -> str:
    """Saves a query whole or not at all and returns its name; replaces one of that name only with `replace`."""
    file = file_of(name)
    if file.exists() and not replace:
        raise SavedQueryError(f"There is a saved query '{file.stem}' already. Choose another name, or delete it first.")
    part = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(f"{text.strip()}\n", encoding="utf-8")
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise SavedQueryError(
            f"{file} cannot be written: {error.strerror or error}. PROVISIONING_SAVED_QUERIES names the folder; "
            "the user that runs the dashboard needs permission to write there."
        ) from None
    return file.stem


def delete(name: str) -> None:
    """Deletes a saved query."""
    try:
        file_of(name).unlink(missing_ok=True)
    except OSError as error:
        raise SavedQueryError(f"{file_of(name)} cannot be deleted: {error.strerror or error}") from None
