"""What stands beside events, around them or in their place: other logs of Entra, collectors' prefixes, no text."""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.support.loads import load, load_one, reasons, rows
from tests.support.shapes import array, diagnostic, dumped, event, failed, hub, lines, skipped, zipped

DAY = [event("ada", 1), failed("bob", 2), skipped("cy", 3)]
OURS = [diagnostic(record) for record in DAY]
TENANT = "/tenants/11111111-1111-4111-8111-111111111111/providers/Microsoft.aadiam"


def of_another_log(category: str) -> dict[str, Any]:
    """A record of another of Entra's logs, whose members partly have the names of an event's."""
    inner = {
        "id": f"of {category}",
        "activityDateTime": "2026-01-05T12:00:00Z",
        "createdDateTime": "2026-01-05T12:00:00Z",
    }
    return {"time": "2026-01-05T12:00:00Z", "resourceId": TENANT, "category": category, "resultType": "0",
            "properties": {**inner, "status": {"errorCode": 0}}}  # fmt: skip


OTHERS = [of_another_log(one) for one in ("AuditLogs", "SignInLogs", "ManagedIdentitySignInLogs", "RiskyUsers")]
MIXED = [OTHERS[0], OURS[0], OTHERS[1], OURS[1], OURS[2], *OTHERS[2:]]
PLACES = {
    "lines": lines(MIXED),
    "batch": dumped(hub(MIXED)).encode(),
    "batches": lines([hub(MIXED[:3]), hub(MIXED[3:])]),
    "array": array(MIXED),
    "events last": lines([*OTHERS * 60, *OURS]),
}


@pytest.mark.parametrize("place", PLACES)
def test_records_of_entras_other_logs_are_no_events_and_are_counted(store: Store, tmp_path: Path, place: str) -> None:
    found = load_one(store, tmp_path / "in", PLACES[place])
    others = 240 if place == "events last" else 4
    assert (found.lines, found.kept, found.rejects, found.passed_over) == (3, 3, 0, others)
    assert rows(store, "select count(*) as n from events where source_name is null") == [{"n": 0}]
    again = load_one(store, tmp_path / "again", PLACES[place])
    assert (again.kept, again.duplicates, again.passed_over) == (0, 3, others)
    assert rows(store, "from coverage where job_id is null") == []


def test_a_file_of_other_logs_alone_is_counted(store: Store, tmp_path: Path) -> None:
    found = load_one(store, tmp_path / "in", lines(OTHERS))
    assert (found.lines, found.rejects, found.passed_over) == (0, 0, 4)


PREFIXES = {
    "syslog": "Apr 14 07:21:09 hub azure: ",
    "syslog 5424": "<134>1 2026-04-14T07:21:09Z hub azure 1 - - ",
    "compose": "exporter-1  | ",
    "kubectl": "2026-04-14T07:21:09.123456789Z ",
    "a key": "9f86d081\t",
}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_events_are_read_from_behind_what_a_collector_puts_in_front(store: Store, tmp_path: Path, prefix: str) -> None:
    """Also where the service writes other lines between them, and where one of them is cut short."""
    told = [PREFIXES[prefix] + dumped(one) for one in (*OURS, OURS[0])]
    plain = load_one(store, tmp_path / "in", "\r\n".join([*told, ""]).encode())
    assert (plain.kept, plain.duplicates, plain.rejects) == (3, 1, 0)
    other = f"{PREFIXES[prefix]}exporter has begun"
    mixed = "\n".join([other, *told[:2], other, told[2], told[3][:-9], ""]).encode()
    found = load_one(store, tmp_path / "mixed", mixed)
    assert (found.kept, found.duplicates, found.rejects + found.passed_over) == (0, 3, 3)


def tar(files: dict[str, bytes]) -> bytes:
    """The bytes of a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as bundle:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            bundle.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


LOG = lines(DAY)
NO_LOGS = {
    "bzip2": (bz2.compress(LOG), "packed with bzip2; unpack it"),
    "xz": (lzma.compress(LOG), "packed with xz; unpack it"),
    "tar": (tar({"a.json": LOG}), "a tar archive; unpack it"),
    "tar.gz": (gzip.compress(tar({"a.json": LOG})), "a tar archive; unpack it"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\x04" + bytes(90), "a 7-Zip archive; unpack it"),
    "xlsx": (zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}), "save it as CSV"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as CSV"),
    "avro": (b"Obj\x01\x04\x14avro.codec" + bytes(40), "an Avro file"),
    "parquet": (b"PAR1" + bytes(80) + b"PAR1", "a Parquet file"),
    "clixml": (b'<Objs Version="1.1.0.1"><Obj RefId="0"/></Objs>', "ConvertTo-Json -Depth 10"),
}


def test_a_file_that_is_no_log_says_what_it_is_and_what_to_do(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path / "in", {name: data for name, (data, _) in NO_LOGS.items()})
    told = reasons(store)
    assert len(told) == len(NO_LOGS)
    assert [name for name, (_, words) in NO_LOGS.items() if not any(words in one for one in told)] == []
