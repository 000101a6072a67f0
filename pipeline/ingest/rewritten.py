"""A table that DuckDB refuses, written anew, as it may be for the other files of a portal download.

They have no rejects of their own: one odd byte in the steps must not cost the events beside them.
"""

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.ingest.characters import fit
from pipeline.ingest.private_copy import PrivateCopy
from pipeline.ingest.salvage import LONGEST
from pipeline.ingest.tables import LONGEST_ROW


@contextmanager
def rewritten(file: str, delimiter: str) -> Iterator[str]:
    """Writes a CSV anew with every cell quoted and yields the copy's path; a row that is none is left out."""
    csv.field_size_limit(LONGEST)
    copy = PrivateCopy()
    try:
        with open(file, encoding="utf-8-sig", errors="replace", newline="") as stream:
            for row in whole_rows(csv.reader(stream, delimiter=delimiter)):
                line = io.StringIO()
                csv.writer(line, quoting=csv.QUOTE_ALL, delimiter=delimiter).writerow(map(fit, row))
                copy.write(line.getvalue().encode())
        yield copy.path
    finally:
        os.close(copy.handle)


def whole_rows(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yields the rows that can be read and are not too long."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            continue
        if sum(map(len, row)) < LONGEST_ROW // 4:
            yield row
