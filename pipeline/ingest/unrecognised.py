"""Files that no source recognises: what they are instead, where that shows, and what was looked for."""

import re
from collections.abc import Mapping

from pipeline.ingest.formats.portal import holds_cut_objects
from pipeline.ingest.formats.request_shapes import METHODS
from pipeline.ingest.layout import BOM, LOOK, LOOK_AT_MOST, Head
from pipeline.ingest.opened_file import CutShort, Opened
from pipeline.ingest.salvage import decoded

LOOKED_FOR = (
    "Graph events, diagnostic records, Log Analytics rows, a portal download, synchronization jobs, "
    "SCIM requests as JSON or combined log lines were looked for"
)


def reason_unrecognised(opened: Opened) -> str:
    """Builds the reason why a file is a reject: what it is instead, where that shows, and what was looked for."""
    head = opened.head
    if kind := binary_kind(opened):
        return f"is {kind}"
    if head.has("key", "value") and head.layout == "document":
        return (
            "is the answer to a provision-on-demand request: it has a change id but neither an event id nor a job id; "
            "a record of the provisioning log was expected"
        )
    if holds_cut_objects(head):
        return (
            "has the names of .NET types where objects were, as Export-Csv writes them; the objects themselves were "
            "expected: in PowerShell, export with ConvertTo-Json -Depth 10"
        )
    if error := graph_error(head):
        return f"is an error response, {error}; records were expected"
    if head.has("$content"):
        return "holds its content as base64, as Logic Apps wrap a file; save the content itself"
    if head.lines and head.lines[0].startswith("<Objs"):
        return "is what Export-Clixml of PowerShell writes; JSON was expected: export with ConvertTo-Json -Depth 10"
    if is_markup(head):
        return "is XML or HTML; JSON, CSV or lines of a log were expected"
    if any(UNTIMED.match(line) for line in head.lines):
        return "shows requests without instants, as curl -v does; a log of requests with their time was expected"
    if head.layout == "csv" and any("TimeGenerated" in name for name in head.header):
        return (
            "is a table without the columns of an event: TimeGenerated, Id, JobId, SourceIdentity and ResultType "
            "of AADProvisioningLogs were expected under these names; leave out `project` in the query"
        )
    if head.has("schemas"):
        return "is a SCIM resource or message without method, path and time; a log of requests was expected"
    instead = reason_no_text(opened)
    if not instead and head.layout in ("document", "array"):
        fault = decoded(opened.beginning(LOOK_AT_MOST))
        instead = str(fault) if isinstance(fault, ValueError) else "is JSON of no known shape"
    return f"{instead or 'is of no known shape'}; {LOOKED_FOR}"


UNTIMED = re.compile(rf"[<>] (?:(?:{METHODS}) \S+ )?HTTP/\d")


def is_markup(head: Head) -> bool:
    """Whether a file begins as XML or HTML does."""
    return bool(head.lines) and re.match(r"<(?:\?xml|!doctype|html)\b", head.lines[0], re.IGNORECASE) is not None


def graph_error(head: Head) -> str:
    """Returns the code and message of an answer of Graph's, or Azure's, that is an error; nothing for any other."""
    for sample in head.samples[:1]:
        error = sample.get("error")
        if isinstance(error, Mapping) and error.get("code"):
            return f"{error['code']}: {error.get('message', '')}"[:300]
    return ""


def holds_no_log(opened: Opened) -> bool:
    """Whether a file is no log and no reject either: nothing in it, half a line, or a sample's answer key."""
    head: Head = opened.head
    if head.has("planted", "totals", "seed") or (head.empty and not reason_no_text(opened)):
        return True
    return not opened.is_converted and opened.size < LOOK and is_half_a_line(opened.beginning(LOOK))


def is_half_a_line(data: bytes) -> bool:
    """Whether content is the beginning of one JSON line, which waits for its rest; or of a byte order mark."""
    line = data.removeprefix(BOM).lstrip()
    begins = line.startswith(b"{") and b"\n" not in line and isinstance(decoded(line), ValueError)
    return begins or BOM.startswith(data)


def reason_no_text(opened: Opened) -> str:
    """Builds the reason why a file's content is not text; nothing where it is."""
    try:
        begins = next(opened.blocks(), b"")[:4096]
    except CutShort as error:
        return f"is a gzip file that cannot be unpacked: {error}"
    return "is no text: it holds NUL bytes" if b"\0" in begins else ""


def binary_kind(opened: Opened) -> str:
    """Names what a file is that begins as no log does, and what to do; nothing for any other."""
    begins = next(opened.blocks_until_break(), b"")[:512]
    if begins[257:262] == b"ustar":
        return f"a tar archive; {UNPACK}"
    return next((f"{name}; {cure}" for begin, name, cure in BINARY if begins.startswith(begin)), "")


UNPACK = "unpack it and ingest the files in it"
AS_TEXT = "export the records as JSON or CSV"
BINARY = (
    (b"BZh", "packed with bzip2", UNPACK),
    (b"\xfd7zXZ\0", "packed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", UNPACK),
    (b"\x04\x22\x4d\x18", "packed with lz4", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook or another document of Office", "save it as CSV"),
    (b"Obj\x01", "an Avro file, as Event Hubs capture writes", AS_TEXT),
    (b"PAR1", "a Parquet file", AS_TEXT),
    (b"ElfFile\0", "a Windows event log", AS_TEXT),
    (b"SQLite format 3\0", "an SQLite database", AS_TEXT),
    (b"%PDF-", "a PDF", AS_TEXT),
)
"How files begin that are no text, what each is, and what to do."
