"""Documents and tables that are too large to be read at once: each part lands by itself, and the next goes on there."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import Store, open_store
from tests.support.lakes import copied
from tests.support.loads import put, reasons
from tests.support.shapes import Record, analytics, array, event, page, pretty, rows_csv

COUNT = 24
Write = Callable[[Sequence[Record]], bytes]


def broken(records: Sequence[Record]) -> bytes:
    """Writes a page with something that is no JSON between the first two records."""
    begin, _, end = pretty(page(records)).partition(b"\n        },\n        {\n")
    return begin + b'\n        },\n        {"id": oops},\n        {\n' + end


def unclosed(records: Sequence[Record]) -> bytes:
    """Writes a table with a row whose quote nothing closes, behind the first."""
    header, first, *others = rows_csv([analytics(one) for one in records]).split(b"\r\n")
    return b"\r\n".join([header, first, b'"never closed,1,2', *others])


def hits(records: Sequence[Record]) -> bytes:
    """Writes records as a search answers: each in an object of its own, in a list in a member of its own."""
    return pretty({"took": 3, "hits": {"hits": [{"_index": "logs", "_source": one} for one in records]}})


def columns(records: Sequence[Record]) -> bytes:
    """Writes records as a query's result: columns, then rows."""
    names, rows = list(records[0]), [list(one.values()) for one in records]
    return pretty({"tables": [{"columns": [{"name": name} for name in names], "rows": rows}]})


FILES: dict[str, tuple[Write, int]] = {
    "broken.json": (broken, 1),
    "array.json.gz": (lambda records: gzip.compress(array(records)), 0),
    "hits.json": (hits, 0),
    "columns.json": (columns, 0),
    "rows.csv.gz": (lambda records: gzip.compress(rows_csv([analytics(one) for one in records])), 0),
}


def opened(settings: Settings, blank: Settings, slice_bytes: int) -> Store:
    """Opens a store that reads so much at once."""
    copied(blank, settings)
    return open_store(settings.model_copy(update={"slice_bytes": slice_bytes, "threads": 1}))


def test_a_large_file_lands_in_parts_and_goes_on_where_it_was_left(
    settings: Settings, blank: Settings, tmp_path: Path
) -> None:
    small = opened(settings, blank, 60_000)
    line = 'select lines, kept, duplicates, rejects from files where "file" = ?'
    for name, (write, rejects) in FILES.items():
        records = [event(name, minute, sourceIdentity={"id": "é漢" * 300}) for minute in range(COUNT)]
        file = put(tmp_path / "in", {name: write(records)}) / name

        def stop(_done: int, _all: int, file: Path = file) -> None:
            if small.rows(line, [str(file)]):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ingest(small, [file], progress=stop)
        [(before, *_)] = small.rows(line, [str(file)])
        [rest] = ingest(small, [file]).files
        assert (rest.lines, rest.duplicates) == (COUNT + rejects - before, 0) and before < COUNT, name
        assert small.rows(line, [str(file)]) == [(COUNT + rejects, COUNT, 0, rejects)], name
        assert ingest(small, [file]).files[0].lines == 0
    whole = "count(*) filter (to_json(e)::varchar like '%é漢%' and to_json(e)::varchar not like '%\ufffd%')"
    assert small.rows(f"select count(*), {whole} from events e") == [(COUNT * len(FILES), COUNT * len(FILES))]
    small.close()


def test_a_quote_that_nothing_closes_costs_its_own_row(settings: Settings, blank: Settings, tmp_path: Path) -> None:
    small = opened(settings, blank, 4_000_000)
    records = [event("ada", minute, sourceIdentity={"id": "x" * 200_000}) for minute in range(COUNT)]
    [found] = ingest(small, [put(tmp_path / "in", {"rows.csv": unclosed(records)}) / "rows.csv"]).files
    assert (found.lines, found.kept, found.rejects) == (COUNT + 1, COUNT, 1), reasons(small)
    small.close()
