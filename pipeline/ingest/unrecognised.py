"""Files that no source recognises: what they are instead, where that shows, and what was looked for."""

from pathlib import Path

from pipeline.ingest.layout import Head
from pipeline.ingest.pieces import LOOK, LOOK_AT_MOST, CutShort, beginning, blocks, compressed
from pipeline.ingest.salvage import decoded

WANTED = (
    "Graph events, diagnostic records, Log Analytics rows, a portal download, synchronization jobs, "
    "SCIM requests as JSON or combined log lines were looked for"
)


def unknown(head: Head, path: Path) -> str:
    """Says what was looked for in a file that no source knows, and what it is instead where that shows."""
    if head.has("key", "value") and head.layout == "document":
        return (
            "is the answer to a provision-on-demand request: it has a change id but neither an event id nor a job id; "
            "a record of the provisioning log was expected"
        )
    if head.has("schemas"):
        return "is a SCIM resource or message without method, path and time; a log of requests was expected"
    seen = no_text(path)
    if not seen and head.layout in ("document", "array") and not head.samples:
        fault = decoded(beginning(path, LOOK_AT_MOST))
        seen = str(fault) if isinstance(fault, ValueError) else "is JSON of no known shape"
    return f"{seen or 'is of no known shape'}; {WANTED}"


def begun(path: Path) -> bool:
    """Whether a file is the beginning of one JSON line, which waits for its rest."""
    data = b"" if compressed(path) else beginning(path, LOOK)
    return data[:1] == b"{" and b"\n" not in data and len(data) < LOOK and isinstance(decoded(data), ValueError)


def no_text(path: Path) -> str:
    """Says why a file's content is not text in UTF-8; nothing where it is."""
    try:
        begins = next(blocks(path), b"")[:4096]
    except CutShort as error:
        return f"is a gzip file that cannot be unpacked: {error}"
    if begins[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in (begins[1:2], begins[:1]):
        return "is text in UTF-16; UTF-8 was expected, as `iconv -f UTF-16 -t UTF-8` writes it"
    return "is no text: it holds NUL bytes" if b"\0" in begins else ""
