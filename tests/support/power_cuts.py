"""A device that forgets: what strace saw of a process's files, and what is left of them when the power goes.

strace lists every write and sync of the files below a folder in the order in which they returned. What was written to
a file stays if it was synced since; a file's name stays if its folder was synced since it was made. All else may be
lost, as a whole or from some byte on.
"""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.lakes import ROOT

CALLS = "openat,write,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
WHOLE = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<(.*?)>)?(?: .*)?$", re.DOTALL)
DESCRIPTOR = re.compile(r"(\d+)<([^>]*)>(?:, )?(.*)", re.DOTALL)
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def traced(script: str, trace: Path) -> subprocess.Popen[str]:
    """Starts Python on a text under strace."""
    words = ["strace", "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(trace)]
    pipe = subprocess.PIPE
    return subprocess.Popen([*words, sys.executable, "-c", script], cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


Call = tuple[str, str, int, str | None]


@dataclass
class Held:
    """A file as it is, and as it would be after a power cut."""

    content: bytearray = field(default_factory=bytearray)
    synced: bytes | None = None


@dataclass
class Device:
    """The files of a folder over time."""

    folder: Path
    files: dict[str, Held] = field(default_factory=dict)
    "By their names now."
    named: dict[str, Held] = field(default_factory=dict)
    "By the names that would be there after a power cut."
    folders: set[str] = field(default_factory=lambda: {"."})
    "Whose own names would be there."
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    "Where each descriptor is in its file."
    acknowledged: int = 0

    def hold(self) -> None:
        """Takes the files that are there as synced, with their names."""
        for file in (place for place in self.folder.rglob("*") if place.is_file()):
            name, content = str(file.relative_to(self.folder)), file.read_bytes()
            self.files[name] = self.named[name] = Held(bytearray(content), content)
            self.folders |= {str(place) for place in Path(name).parents}

    def see(self, one: Call) -> None:
        """Takes one call that succeeded."""
        call, given, returned, opened = one
        if call == "openat":
            self._open(given, returned, opened)
        elif call in ("rename", "renameat", "renameat2", "unlink", "unlinkat"):
            self._name(call, [unhexed(one) for one in TEXT.findall(given)])
        elif (match := DESCRIPTOR.match(given)) is not None:
            self._use(call, match[1], match[2], match[3], returned)

    def is_of_it(self, one: Call) -> bool:
        """Whether a call opens a file of the folder."""
        return one[0] == "openat" and self._inside(one[3]) is not None

    def _open(self, given: str, returned: int, opened: str | None) -> None:
        name = self._inside(opened)
        if name is None:
            return
        if "O_CREAT" in given:
            self.files.setdefault(name, Held())
        if "O_TRUNC" in given and name in self.files:
            self.files[name].content.clear()
        at_end = "O_APPEND" in given and name in self.files
        self.places[str(returned), name] = len(self.files[name].content) if at_end else 0

    def _name(self, call: str, names: list[bytes]) -> None:
        old, *new = [self._inside(name.decode()) for name in names]
        held = self.files.pop(old, None) if old else None
        if held is not None and call.startswith("rename") and new[0]:
            self.files[new[0]] = held

    def _use(self, call: str, descriptor: str, path: str, rest: str, returned: int) -> None:
        if descriptor == "1" and call == "write":
            self.acknowledged = max([self.acknowledged, *map(int, re.findall(rb"\d+", unhexed(rest.split('"')[1])))])
            return
        name = self._inside(path)
        if name is None:
            return
        if call in ("fsync", "fdatasync"):
            self._sync(name)
        elif name in self.files:
            self._change(call, name, descriptor, rest, returned)

    def _sync(self, name: str) -> None:
        if name in self.files:
            held = self.files[name]
            held.synced = bytes(held.content)
            return
        self.named = {one: held for one, held in self.named.items() if str(Path(one).parent) != name}
        self.named |= {one: held for one, held in self.files.items() if str(Path(one).parent) == name}
        folders = {str(place) for one in self.files for place in Path(one).parents}
        self.folders |= {one for one in folders if str(Path(one).parent) == name}

    def _change(self, call: str, name: str, descriptor: str, rest: str, returned: int) -> None:
        content, key = self.files[name].content, (descriptor, name)
        if call == "lseek":
            self.places[key] = returned
        elif call == "ftruncate":
            size = int(rest)
            content[size:] = bytes(max(0, size - len(content)))
        else:
            match = TEXT.match(rest)
            assert match is not None, rest[:80]
            data = unhexed(match[1])[:returned]
            at = self.places.get(key, 0) if call == "write" else int(rest.rpartition(", ")[2])
            content[len(content) :] = bytes(max(0, at - len(content)))
            content[at : at + len(data)] = data
            if call == "write":
                self.places[key] = at + len(data)

    def _inside(self, path: str | None) -> str | None:
        """Returns a path below the folder; None for any other."""
        where = Path(unhexed(path).decode() if path and path.startswith("\\x") else path or "/")
        return str(where.relative_to(self.folder)) if where.is_relative_to(self.folder) else None

    def left(self, target: Path, chance: random.Random) -> int:
        """Writes what a power cut would leave; returns up to which number things were acknowledged."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for name, held in self.named.items():
            if {str(place) for place in Path(name).parents} <= self.folders:
                # What was never synced may be there in part.
                part = bytes(held.content[: chance.randint(0, len(held.content))]) if held.synced is None else b""
                file = target / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(part if held.synced is None else held.synced)
        return self.acknowledged


def calls(trace: Path) -> Iterator[Call]:
    """Yields each call that succeeded, in the order in which they returned."""
    begun: dict[str, str] = {}
    with trace.open(encoding="latin-1") as lines:
        for line in lines:
            process, _, rest = line.rstrip("\n").partition(" ")
            rest = rest.lstrip()
            if rest.endswith(" <unfinished ...>"):
                begun[process] = rest.removesuffix(" <unfinished ...>")
                continue
            if rest.startswith("<... "):
                rest = begun.pop(process, "") + rest.partition(" resumed>")[2]
            match = WHOLE.match(rest)
            if match is not None and int(match[3]) >= 0:
                yield match[1], match[2], int(match[3]), match[4]


def unhexed(text: str) -> bytes:
    """Returns the bytes of what strace writes as hexadecimal."""
    return bytes.fromhex(text.replace("\\x", ""))
