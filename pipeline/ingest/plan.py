"""What is to be read of each file: nothing, all of it, what is new, or a reject as a whole; and its pieces.

A file that cannot be read does not end an ingest: it is one reject, which is not repeated until the file is readable.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.ingest.discover import File
from pipeline.ingest.documents import is_larger, record_parts
from pipeline.ingest.formats import recognise
from pipeline.ingest.formats.portal import is_changes, is_steps
from pipeline.ingest.formats.source import Source
from pipeline.ingest.isolation import is_fault_of_data, what_failed
from pipeline.ingest.land import Arrival
from pipeline.ingest.layout import Head
from pipeline.ingest.offsets import (
    UNREADABLE,
    Entry,
    Position,
    is_unchanged,
    position_at,
    position_at_end,
    position_behind,
    start_of,
)
from pipeline.ingest.opened_file import CutShort, Opened, open_file
from pipeline.ingest.piece_context import PORTAL_FILES, PieceContext, Reject, cleaned
from pipeline.ingest.pieces import LineCounter, Part, Piece, as_text, is_text, line_pieces, whole_piece
from pipeline.ingest.records.instants import UNCLEAR
from pipeline.ingest.siblings import Siblings
from pipeline.ingest.tables import row_parts
from pipeline.ingest.unrecognised import holds_no_log, reason_unrecognised

LARGE = 1 << 25
"Bytes of content from which on a document or a table is read in parts, however much memory there is."
PART = 1 << 26
"Bytes of a large document's or table's records that are read at once."
SHOWN = 4096
"Bytes that are kept of a file that is rejected as a whole."


@dataclass(frozen=True)
class Nothing:
    """Nothing in a file is new."""

    source: str | None = None
    "The source that the report names."
    as_read: bool = False
    "Whether its content was read and is as it was, for which it was opened."


@dataclass(frozen=True)
class Rejection:
    """A file is a reject as a whole."""

    reason: str
    position: Position
    raw: bytes = b""
    source: str | None = None


@dataclass(frozen=True)
class Reading:
    """A file is read, from its beginning or from where it was left."""

    opened: Opened
    recognised: Source
    start: int
    "The byte of a file that is read by lines; of any other the records that have landed already."
    base: Entry
    "The line of the ledger that counting goes on from."

    @property
    def source(self) -> str:
        """The source that the report names."""
        return self.recognised.name


Plan = Nothing | Rejection | Reading


def plan_of(item: Opened | File, former: Entry | None, siblings: Siblings) -> Plan:
    """Plans what is to be read of an open file, or of one that was not opened; `former` is its ledger's line."""
    if isinstance(item, File):
        return rejection_of_unreadable(item, item.fault, former) if item.fault else Nothing()
    try:
        return plan_of_opened(item, former, siblings)
    except OSError as error:
        return rejection_of_unreadable(item.file, f"{UNREADABLE} ({error.strerror})", former)
    except Exception as error:
        return rejection_of_fault(item, error)


def plan_of_opened(opened: Opened, former: Entry | None, siblings: Siblings) -> Plan:
    """Plans what is to be read of an open file."""
    if opened.size == 0 or is_unchanged(opened, former):
        return Nothing(as_read=opened.size > 0)
    source = recognise(opened.head)
    by_lines = source is not None and opened.head.by_lines
    start = start_of(opened, former, by_lines)
    if start is None:
        return Nothing(source.name if source else None)
    if source is None:
        return plan_of_unrecognised(opened, siblings)
    if opened.head.date_order == "unclear":
        reason = f"{Path(opened.name).name} has dates such as 05/01/2026, and {UNCLEAR}, then ingest it with --again."
        return Rejection(reason, position_at_end(opened), begin_of(opened), source.name)
    base = former if former is not None and start else Entry.new(opened.name, source.name)
    return Reading(opened, source, start, base)


def plan_of_unrecognised(opened: Opened, siblings: Siblings) -> Plan:
    """Plans for a file that no source recognises: a part of a portal download, a tenant's answer key, or a reject."""
    reason = ""
    if is_steps(opened.head) or is_changes(opened.head):
        if siblings.has_main_file(opened.file):
            return Nothing("portal")
        reason = "is the second or third file of a portal download; its main file was not beside it"
    elif holds_no_log(opened):
        return Nothing()
    name = Path(opened.name).name
    return Rejection(f"{name} {reason or reason_unrecognised(opened)}.", position_at_end(opened), begin_of(opened))


def rejection_of_fault(opened: Opened, error: Exception, source: str | None = None) -> Rejection:
    """Rejects a file whose content makes reading it fail in a way that nobody thought of."""
    if not is_fault_of_data(error):
        raise error
    reason = f"{Path(opened.name).name} cannot be understood ({what_failed(error)}); a log was expected."
    return Rejection(reason, position_at_end(opened), begin_of(opened), source)


def begin_of(opened: Opened) -> bytes:
    """Returns what is kept of a file that is rejected as a whole."""
    return cleaned(opened.beginning(SHOWN)[:SHOWN])


def rejection_of_unreadable(file: File, fault: str, former: Entry | None) -> Plan:
    """Rejects a file that cannot be read, unless the ledger says the same of it already."""
    if former is not None and former.fingerprint == fault:
        return Nothing()
    return Rejection(f"{Path(file.name).name} {fault}.", Position(file.size, file.size, fault))


def arrivals_of(
    plan: Plan, file: File, former: Entry | None, siblings: Siblings, slice_bytes: int
) -> Iterator[Arrival]:
    """Yields what is new in a file, piece by piece; each must be added to a batch before the next one is asked for."""
    if isinstance(plan, Rejection):
        yield rejected(plan, file, former, Entry.new(file.name))
    elif isinstance(plan, Reading):
        try:
            yield from arrivals_of_reading(plan, former, siblings, slice_bytes)
        except FileNotFoundError:
            # A part of a portal download was moved away since it was looked at.
            return
        except OSError as error:
            yield from unreadable(file, error, former)
        except Exception as error:
            yield rejected(rejection_of_fault(plan.opened, error, plan.source), file, former, plan.base)


def unreadable(file: File, error: OSError, former: Entry | None) -> Iterator[Arrival]:
    """Yields the reject for a file that fails while it is read, unless the ledger has it already."""
    plan = rejection_of_unreadable(file, f"{UNREADABLE} ({error.strerror})", former)
    if isinstance(plan, Rejection):
        yield rejected(plan, file, former, Entry.new(file.name))


def rejected(rejection: Rejection, file: File, former: Entry | None, base: Entry) -> Arrival:
    """Builds the arrival that is one reject for a file as a whole."""
    return Arrival(
        file.name,
        rejection.source,
        rejects=(Reject(0, rejection.reason, rejection.raw),),
        position=rejection.position,
        seen=former,
        base=base,
        lines_before=lambda: 0,
    )


def arrivals_of_reading(
    reading: Reading, former: Entry | None, siblings: Siblings, slice_bytes: int
) -> Iterator[Arrival]:
    """Yields the pieces of a file; a compressed one ends with a mark that it was read to its end."""
    opened, by_lines = reading.opened, reading.opened.head.by_lines
    name = Path(opened.name).name
    end = Arrival(
        opened.name,
        reading.source,
        position=position_at_end(opened),
        seen=former,
        base=reading.base,
        sentence=lambda line, reason: f"{name}:{line}: {reason}. The line is kept in rejects.",
    )
    try:
        with ExitStack() as parts:
            context, lines = context_of(reading, siblings, parts), LineCounter(opened)
            part_bytes = min(PART, slice_bytes) // (PORTAL_FILES if reading.source == "portal" else 1)
            if not by_lines and (reading.start or is_larger(opened, min(LARGE, part_bytes))):
                for part in parts_of(reading, part_bytes):
                    yield replace(
                        end,
                        context=replace(context(part.piece), head=part.head),
                        position=position_behind(opened, part),
                        lines_before=partial(int, part.lines_before),
                    )
                yield end
                return
            for piece in pieces_of(reading, slice_bytes):
                yield replace(
                    end,
                    context=context(piece),
                    position=position_at(opened, piece.end) if by_lines or opened.is_converted else end.position,
                    lines_before=partial(lines.before, piece),
                    may_end_batch=by_lines or not opened.is_converted,
                )
        if opened.is_converted:
            yield end
    except CutShort as error:
        reason = f"{name}: {error}; what came before is kept."
        rejection = Rejection(reason, position_at_end(opened), begin_of(opened), reading.source)
        yield rejected(rejection, opened.file, former, reading.base)


def parts_of(reading: Reading, part_bytes: int) -> Iterator[Part]:
    """Yields the records of a large file that is not read by lines, behind those that have landed."""
    parts = row_parts if reading.opened.head.layout == "csv" else record_parts
    return parts(reading.opened, reading.start, part_bytes)


def pieces_of(reading: Reading, slice_bytes: int) -> Iterator[Piece]:
    """Yields the pieces of a file that is read by lines, or the whole of one that is not."""
    if not reading.opened.head.by_lines:
        for piece in whole_piece(reading.opened):
            is_table = piece.begin and reading.opened.head.layout == "csv"
            yield replace(piece, whole=os.dup(reading.opened.descriptor)) if is_table else piece
        return
    for piece in line_pieces(reading.opened, reading.start, slice_bytes):
        yield replace(piece, whole=os.dup(reading.opened.descriptor)) if piece.begin else piece


def context_of(reading: Reading, siblings: Siblings, parts: ExitStack) -> Callable[[Piece], PieceContext]:
    """Gathers what a piece itself does not hold; the other parts of a portal download stay open as long as `parts`."""
    opened, source = reading.opened, reading.recognised
    context = partial(PieceContext, source, opened.head)
    if source.table == "job_snapshots":
        return partial(context, written_at=str(opened.modified_at))
    if source.name != "portal":
        return context
    steps = part_of_download(opened.file, is_steps, siblings, parts)
    return partial(context, steps=steps, changes=part_of_download(opened.file, is_changes, siblings, parts))


def part_of_download(
    main: File, is_part: Callable[[Head], bool], siblings: Siblings, parts: ExitStack
) -> tuple[str, Head] | None:
    """Opens another file of the portal download that a main file belongs to; None where there is none."""
    file = siblings.part_of(main, is_part)
    if file is None:
        return None
    opened = parts.enter_context(open_file(file))
    piece = next(whole_piece(opened))
    if not is_text(piece):
        piece = as_text(piece)
    parts.callback(piece.close)
    return piece.file, opened.head
