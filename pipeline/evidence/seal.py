"""Seals and checks packs: files in a zip, each hashed, the hashes in a chain, and the chain's end in the manifest.

The zip is stored without compression and with fixed times, so that the same files give the same bytes on any machine:
`check` writes it again and compares, which finds a changed byte also where no file is.
A chain proves that nothing changed since it was sealed, to whoever noted the seal elsewhere; it is no signature.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

MANIFEST = "manifest.json"
BEGINNING = hashlib.sha256(b"provisioning evidence 1").hexdigest()
THEN = (1980, 1, 1, 0, 0, 0)
"The earliest time that a zip can hold; a real one would make two runs differ."
PIECE = 1 << 20
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

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self.take = take

    def write(self, data: bytes) -> int:
        """Passes bytes on."""
        self.take(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Has nothing to do."""


def seal(folder: Path, names: Iterable[str], about: Mapping[str, Any], target: Path, progress: Progress) -> str:
    """Writes files of a folder, in this order, and their manifest into a zip; returns the seal. Whole or not at all."""
    listed = list(chained((name, digest_of(folder / name), (folder / name).stat().st_size) for name in names))
    text = manifest_text({**about, "files": listed})
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as out:
            write_zip(lambda data: void(out.write(data)), [*(one["name"] for one in listed), MANIFEST],
                      lambda name: (folder / name).open("rb"), progress)  # fmt: skip
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return str(json.loads(text)["seal"])


def void(_: object) -> None:
    """Discards a value."""


def chained(files: Iterable[tuple[str, str, int]]) -> Iterator[dict[str, Any]]:
    """Returns each file's line of the manifest: its name, size and hash, and the chain so far.

    A link is the SHA-256 of the link before, the name and the file's hash, each on a line.
    """
    link = BEGINNING
    for name, digest, size in files:
        link = hashlib.sha256(f"{link}\n{name}\n{digest}\n".encode()).hexdigest()
        yield {"name": name, "bytes": size, "sha256": digest, "chain": link}


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """Writes a manifest in its one spelling, with the seal: the hash of all the rest of it."""
    bare = {name: value for name, value in manifest.items() if name != "seal"}
    rest = json.dumps(bare, ensure_ascii=False, indent=2, sort_keys=True)
    return json.dumps({**bare, "seal": hashlib.sha256(rest.encode()).hexdigest()}, ensure_ascii=False, indent=2,
                      sort_keys=True) + "\n"  # fmt: skip


def digest_of(file: Path) -> str:
    """Returns a file's SHA-256."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write_zip(
    take: Callable[[bytes], None], names: list[str], opened: Callable[[str], IO[bytes]], progress: Progress
) -> None:
    """Writes a zip of these files in this order, always with the same bytes."""
    with ZipFile(Stream(take), "w", ZIP_STORED) as made:  # type: ignore[call-overload]
        for place, name in enumerate(names):
            info = ZipInfo(name, THEN)
            info.create_system, info.external_attr = 3, 0o644 << 16
            with opened(name) as source, made.open(info, "w", force_zip64=True) as member:
                while piece := source.read(PIECE):
                    member.write(piece)
            progress((place + 1) / len(names))


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
        fault = f"{MANIFEST} was changed: it is not what its own seal says."
        return Checked(len(names), size, None, (fault,), {})
    faults = [*listing_faults(names, manifest), *file_faults(pack, manifest, progress)]
    if not faults and (offset := first_difference(pack, file, progress)) is not None:
        place = location(pack, offset)
        faults.append(f"the zip differs at byte {offset:,}, {place}: no file of it, but the zip itself.")
    return Checked(len(manifest["files"]), size, manifest["seal"], tuple(faults), manifest)


def read(pack: ZipFile, name: str) -> bytes | None:
    """Returns a file's bytes, or nothing where the zip's own check says that they were changed."""
    try:
        return pack.read(name)
    except (BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError):
        return None


def manifest_of(content: bytes | None) -> dict[str, Any] | None:
    """Reads a manifest, where it is spelled as this program spells it and its seal and chain are right."""
    try:
        manifest = json.loads((content or b"").decode())
        text = manifest_text(manifest)
        lines = [(one["name"], one["sha256"], one["bytes"]) for one in manifest["files"]]
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


def member_digest(pack: ZipFile, name: str) -> str | None:
    """Returns the SHA-256 of a file in a zip; None where the zip's own check fails first."""
    try:
        with pack.open(name) as member:
            return hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
    except (BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError):
        return None


def first_difference(pack: ZipFile, file: Path, progress: Progress) -> int | None:
    """Writes the zip once more, and returns where the file first differs from that."""
    place, difference = 0, -1
    with file.open("rb") as sealed:

        def compare(data: bytes) -> None:
            nonlocal place, difference
            if difference < 0 and (seen := sealed.read(len(data))) != data:
                same = next((at for at, (a, b) in enumerate(zip(seen, data, strict=False)) if a != b), len(seen))
                difference = place + same
            place += len(data)

        write_zip(compare, pack.namelist(), pack.open, lambda share: progress(0.5 + share / 2))
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
