"""Zip files: their members are unpacked into memory one after the other, those that may belong together at once."""

import lzma
import os
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Self

from pipeline.config.errors import TooMuch
from pipeline.ingest.characters import fit
from pipeline.ingest.discover import File, Readable, from_stream, is_hidden, is_log_suffix
from pipeline.ingest.limits import NESTED, Budget

DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, LookupError)
BROKEN = (*DAMAGED, RuntimeError, OSError, ValueError)
"What Python's zipfile raises for archives that are damaged, encrypted or packed in a way that it does not know."
OFFICE = "[Content_Types].xml"
"The member that each .xlsx and .docx has."
TOGETHER = 1 << 26
"Bytes up to which all members are unpacked at once: a portal download's three files find each other by their content."


class Archive:
    """An open zip file; a context manager, at whose end nothing that was unpacked is left."""

    def __init__(self, descriptor: int, file: File, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._open = ExitStack()
        self._descriptor = descriptor
        self._packed: zipfile.ZipFile | None = None
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self.files: list[File] = []
        "Its members, some of them not unpacked yet; or itself, with what is wrong with it."

    def __enter__(self) -> Self:
        try:
            stream = self._open.enter_context(os.fdopen(os.dup(self._descriptor), "rb"))
            self._packed = self._open.enter_context(zipfile.ZipFile(stream))
            self.files = self._listed(self._packed)
        except TooMuch as error:
            self.files = [faulty(self._file, str(error))]
        except BROKEN as error:
            fault = f"is a damaged zip file ({error}); a whole one was expected. Download it again"
            self.files = [faulty(self._file, fault)]
        return self

    def __exit__(self, *_failure: object) -> None:
        self._open.close()

    @contextmanager
    def unpacked(self, member: File) -> Iterator[File]:
        """Provides a member in memory, or with its fault."""
        if member.fault or member.path:
            yield member
            return
        with ExitStack() as streams:
            yield self._unpack(member, streams)

    def _listed(self, packed: zipfile.ZipFile) -> list[File]:
        """Lists what is read of the members, in the order of their names."""
        if self._budget.depth >= NESTED:
            return [faulty(self._file, "is a zip file in a zip file in another; a log was expected")]
        infos = sorted((one for one in packed.infolist() if not one.is_dir()), key=lambda one: one.filename)
        if not infos:
            return [faulty(self._file, "is a zip file that holds no file; a log was expected")]
        if any(one.filename == OFFICE for one in infos):
            return [faulty(self._file, "is a workbook or another document of Office; save it as CSV")]
        allowed = self._budget.take_members(len(infos))
        named = by_name(self._file.name, infos[:allowed])
        self._infos = {name: one for name, one in named.items() if is_log_name(PurePosixPath(one.filename))}
        listed = [File(name, "", one.file_size) for name, one in self._infos.items()]
        small = sum(file.size for file in listed) <= TOGETHER
        files = [self._unpack(file, self._open) if small or is_table(file) else file for file in listed]
        if allowed < len(infos):
            limit = self._budget.limits.members
            fault = f"holds {len(infos):,} files; at most {limit:,} are read. Raise PROVISIONING_ARCHIVE_MEMBERS"
            files.append(faulty(self._file, fault))
        return files

    def _unpack(self, member: File, streams: ExitStack) -> File:
        """Unpacks one member into memory; one that cannot be unpacked does not spoil the others."""
        assert self._packed is not None
        try:
            with self._packed.open(self._infos[member.name]) as stream:
                return from_stream(member.name, Counted(stream, self._budget), streams)
        except TooMuch as error:
            return replace(member, path=self._file.path, fault=str(error))
        except BROKEN as error:
            fault = f"cannot be unpacked ({error}); a whole file was expected. Download the zip file again"
            return replace(member, path=self._file.path, fault=fault)


def by_name(archive: str, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Names each member for the ledger; of several with one name the later ones get a number."""
    named: dict[str, zipfile.ZipInfo] = {}
    times = Counter[str]()
    for info in infos:
        name = f"{archive}/{fit(info.filename)}"
        times[name] += 1
        named[name if times[name] == 1 else f"{name} ({times[name]})"] = info
    return named


class Counted:
    """A stream whose bytes are counted against a budget."""

    def __init__(self, stream: Readable, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, amount: int, /) -> bytes:
        """Returns the next bytes; raises TooMuch where they are too many."""
        block = self._stream.read(amount)
        self._budget.take(len(block))
        return block


def is_table(file: File) -> bool:
    """Whether a member may be a part of a portal download, by its name."""
    return file.name.lower().endswith(".csv")


def is_log_name(file: PurePosixPath) -> bool:
    """Whether a member of a zip file is read, as a walk would read it."""
    return is_log_suffix(file.name) and not any(is_hidden(part) and part != ".." for part in file.parts)


def faulty(file: File, fault: str) -> File:
    """Marks a file as one of which nothing can be read."""
    return File(file.name, file.path, file.size, fault)
