"""Seals and checks packs: files in a zip, each hashed, the hashes in a chain, and the chain's end in the manifest.

A pack is written in one go: each file is deflated and hashed while it is made, and the manifest comes last. The zip has
fixed times, so that the same files give the same bytes; `check` writes it again around the deflated bytes and compares,
which finds a changed byte also where no file is. Those bytes are hashed as well, since another zlib may deflate the
same file otherwise. Packs of form 1 hold their files as they are.
A chain proves that nothing changed since it was sealed, to whoever noted the seal elsewhere; it is no signature.
"""

import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

MANIFEST = "manifest.json"
BEGINNING = hashlib.sha256(b"provisioning evidence 1").hexdigest()
THEN = (1980, 1, 1, 0, 0, 0)
"The earliest time that a zip can hold; a real one would make two runs differ."
PIECE = 1 << 20
HEADER = 50
"Bytes of a file's header in a zip beside its name: 30, and 20 for sizes beyond 4 GB."
UNREADABLE = (BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, zlib.error)
"What zipfile raises where a file in a zip is not as it was written."
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Checked:
    """The result of checking a pack."""

    files: int
    size: int
    seal: str | None
    faults: tuple[str, ...]
    manifest: Mapping[str, Any]


class Stream:
    """A file that is only written onward, so that zipfile writes the same bytes into every kind of file."""

    def __init__(self, take: Callable[[bytes], object]) -> None:
        self.take = take

    def write(self, data: bytes) -> int:
        """Passes bytes on."""
        self.take(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Has nothing to do."""


class Hashing(io.RawIOBase):
    """A file of a pack while it is written: passes its bytes on, and counts and hashes them."""

    def __init__(self, take: Callable[[bytes], object]) -> None:
        self.size, self.digest, self._take = 0, hashlib.sha256(), take

    def writable(self) -> bool:
        """Says that it can be written."""
        return True

    def write(self, data: Any) -> int:
        """Passes bytes on."""
        piece = bytes(data)
        self._take(piece)
        self.size += len(piece)
        self.digest.update(piece)
        return len(piece)


class Pack:
    """A pack that is being written; `new_pack` makes one."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._packed = hashlib.sha256()
        self._zip = ZipFile(Stream(self._take), "w")  # type: ignore[call-overload]
        self._files: list[tuple[str, str, int, str]] = []

    @property
    def names(self) -> list[str]:
        """Returns the names of the files so far."""
        return [name for name, *_ in self._files]

    @contextmanager
    def file(self, name: str) -> Iterator[TextIO]:
        """Opens the next file to write its text."""
        with self._zip.open(info_of(name, ZIP_DEFLATED), "w", force_zip64=True) as member:
            self._packed = hashlib.sha256()
            hashing = Hashing(member.write)
            with io.TextIOWrapper(io.BufferedWriter(hashing, PIECE), encoding="utf-8", newline="") as text:
                yield text
        self._files.append((name, hashing.digest.hexdigest(), hashing.size, self._packed.hexdigest()))

    def seal(self, about: Mapping[str, Any]) -> str:
        """Writes the manifest, which ends the pack, and returns the seal."""
        text = manifest_text({**about, "files": list(chained(self._files))})
        with self._zip.open(info_of(MANIFEST, ZIP_STORED), "w", force_zip64=True) as member:
            member.write(text.encode())
        self._zip.close()
        return str(json.loads(text)["seal"])

    def _take(self, data: bytes) -> None:
        self._out.write(data)
        self._packed.update(data)


@contextmanager
def new_pack(target: Path) -> Iterator[Pack]:
    """Opens a pack to write, which appears whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as out:
            yield Pack(out)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def info_of(name: str, method: int) -> ZipInfo:
    """Returns what a zip says of a file, the same on every machine."""
    info = ZipInfo(name, THEN)
    info.create_system, info.external_attr, info.compress_type = 3, 0o644 << 16, method
    return info


def chained(files: Iterable[tuple[str, str, int, str | None]]) -> Iterator[dict[str, Any]]:
    """Returns each file's line of the manifest: its name, size and hashes, and the chain so far.

    A link is the SHA-256 of the link before, the name and the file's hash, each on a line.
    """
    link = BEGINNING
    for name, digest, size, packed in files:
        link = hashlib.sha256(f"{link}\n{name}\n{digest}\n".encode()).hexdigest()
        deflated = {} if packed is None else {"packed": packed}
        yield {"name": name, "bytes": size, "sha256": digest, "chain": link} | deflated


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Writes a manifest in its one spelling, with the seal: the hash of all the rest of it."""
    bare = {name: value for name, value in manifest.items() if name != "seal"}
    rest = json.dumps(bare, ensure_ascii=False, indent=2, sort_keys=True)
    return json.dumps({**bare, "seal": hashlib.sha256(rest.encode()).hexdigest()}, ensure_ascii=False, indent=2,
                      sort_keys=True) + "\n"  # fmt: skip


def check(file: Path, progress: Progress) -> Checked:
    """Checks a pack against its manifest: its files, their order, each byte of them, and each byte between them."""
    size = file.stat().st_size
    with file.open("rb") as raw:
        begins = raw.read(2) == b"PK"
    try:
        with ZipFile(file) as pack:
            return check_zip(pack, file, size, progress)
    except BadZipFile:
        fault = (
            "the zip is damaged or cut short: its directory, at the end, cannot be read."
            if begins
            else "it is no zip file; a pack that `python -m pipeline evidence` wrote was expected."
        )
        return Checked(0, size, None, (fault,), {})


def check_zip(pack: ZipFile, file: Path, size: int, progress: Progress) -> Checked:
    """Checks an opened pack; the first fault comes first."""
    names = pack.namelist()
    if names.count(MANIFEST) != 1:
        fault = f"{MANIFEST} is {'missing' if MANIFEST not in names else 'there more than once'}."
        return Checked(len(names), size, None, (fault,), {})
    manifest = manifest_of(read(pack, MANIFEST))
    if manifest is None:
        fault = f"{MANIFEST} was changed: it does not match its own seal."
        return Checked(len(names), size, None, (fault,), {})
    faults = [*listing_faults(names, manifest), *file_faults(pack, manifest, progress)]
    if not faults and (offset := first_difference(pack, file, manifest, progress)) is not None:
        place = location(pack, offset)
        faults.append(f"the zip differs at byte {offset:,}, {place}: no file of it, but the zip itself.")
    elif not faults:
        faults += packing_faults(pack, file, manifest)
    return Checked(len(manifest["files"]), size, manifest["seal"], tuple(faults), manifest)


def read(pack: ZipFile, name: str) -> bytes | None:
    """Returns a file's bytes, or nothing where the zip's own check says that they were changed."""
    try:
        return pack.read(name)
    except UNREADABLE:
        return None


def manifest_of(content: bytes | None) -> dict[str, Any] | None:
    """Reads a manifest, where it is spelled as this program spells it and its seal and chain are right."""
    try:
        manifest = json.loads((content or b"").decode())
        text = manifest_text(manifest)
        lines = [(one["name"], one["sha256"], one["bytes"], one.get("packed")) for one in manifest["files"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    right = text.encode() == content and list(chained(lines)) == manifest["files"]
    return manifest if right else None


def listing_faults(names: list[str], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Returns what was added, removed, doubled or put into another place."""
    wanted = [one["name"] for one in manifest["files"]] + [MANIFEST]
    yield from (f"{name} is missing." for name in wanted if name not in names)
    yield from (f"{name} was added; the manifest knows no such file." for name in names if name not in wanted)
    yield from (f"{name} is there more than once." for name in sorted(set(names)) if names.count(name) > 1)
    if names != wanted and sorted(names) == sorted(wanted):
        moved = next(name for name, right in zip(names, wanted, strict=True) if name != right)
        yield f"{moved} is not in its place: the files were put into another order."


def file_faults(pack: ZipFile, manifest: Mapping[str, Any], progress: Progress) -> Iterator[str]:
    """Returns the files whose bytes are not those that were sealed."""
    present = set(pack.namelist())
    for place, one in enumerate(manifest["files"]):
        if one["name"] in present and member_digest(pack, one["name"]) != one["sha256"]:
            yield f"{one['name']} was changed: its SHA-256 is not that of the manifest."
        progress((place + 1) / len(manifest["files"]) / 2)


def packing_faults(pack: ZipFile, file: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Returns the files that are packed into other bytes than they were, though the same comes out."""
    infos = pack.infolist()
    ends = [*(info.header_offset for info in infos[1:]), pack.start_dir]
    spans = {info.filename: (data_offset(info), end) for info, end in zip(infos, ends, strict=True)}
    for one in manifest["files"]:
        if "packed" in one and packed_digest(file, *spans[one["name"]]) != one["packed"]:
            yield f"{one['name']} was changed: its deflated bytes are not those of the manifest."


def packed_digest(file: Path, begin: int, end: int) -> str:
    """Returns the SHA-256 of a part of a zip."""
    digest = hashlib.sha256()
    with file.open("rb") as held:
        held.seek(begin)
        while begin < end and (piece := held.read(min(PIECE, end - begin))):
            digest.update(piece)
            begin += len(piece)
    return digest.hexdigest()


def data_offset(info: ZipInfo) -> int:
    """Returns where a file's bytes begin in a zip that this program wrote."""
    return info.header_offset + HEADER + len(info.filename.encode())


def member_digest(pack: ZipFile, name: str) -> str | None:
    """Returns the SHA-256 of a file in a zip; None where the zip's own check fails first."""
    try:
        with pack.open(name) as member:
            return hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
    except UNREADABLE:
        return None


class Packed:
    """In place of a compressor: has the bytes that another one made of a file."""

    def __init__(self, file: Path, begin: int, size: int) -> None:
        self._file, self._at, self._left = file, begin, size

    def compress(self, _data: bytes) -> bytes:
        """Returns the next of them."""
        return self._next(PIECE)

    def flush(self) -> bytes:
        """Returns what is left of them."""
        return self._next(self._left)

    def _next(self, size: int) -> bytes:
        with self._file.open("rb") as held:
            held.seek(self._at)
            piece = held.read(min(size, self._left))
        self._at, self._left = self._at + len(piece), self._left - len(piece)
        return piece


def write_again(pack: ZipFile, file: Path, methods: Mapping[str, int], take: Callable[[bytes], None],
                progress: Progress) -> None:  # fmt: skip
    """Writes a pack's zip again, around its files as they are packed."""
    with ZipFile(Stream(take), "w") as made:  # type: ignore[call-overload]
        for place, info in enumerate(pack.infolist()):
            method = methods.get(info.filename, ZIP_STORED)
            with pack.open(info) as source, made.open(info_of(info.filename, method), "w", force_zip64=True) as member:
                if method == ZIP_DEFLATED:
                    # zipfile has no way to be given deflated bytes; tests/evidence holds it to this one.
                    member._compressor = Packed(file, data_offset(info), info.compress_size)
                while piece := source.read(PIECE):
                    member.write(piece)
            progress(0.5 + (place + 1) / len(pack.infolist()) / 2)


def first_difference(pack: ZipFile, file: Path, manifest: Mapping[str, Any], progress: Progress) -> int | None:
    """Writes the zip once more, and returns where the file first differs from that."""
    place, difference = 0, -1
    methods = {one["name"]: ZIP_DEFLATED for one in manifest["files"] if "packed" in one}
    with file.open("rb") as sealed:

        def compare(data: bytes) -> None:
            nonlocal place, difference
            if difference < 0 and (seen := sealed.read(len(data))) != data:
                same = next((at for at, (a, b) in enumerate(zip(seen, data, strict=False)) if a != b), len(seen))
                difference = place + same
            place += len(data)

        write_again(pack, file, methods, compare, progress)
        if difference < 0 and sealed.read(1):
            difference = place
    return difference if difference >= 0 else None


def location(pack: ZipFile, offset: int) -> str:
    """Names the file by which a byte lies."""
    before = [info.filename for info in pack.infolist() if info.header_offset <= offset]
    directory = offset >= pack.start_dir
    return "in its directory at the end" if directory or not before else f"in the header of {before[-1]}"


def safe(name: str) -> str:
    """Returns a name for use in a file's.

    >>> safe("Contoso Docs (EU)")
    'contoso-docs-eu'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "app"
