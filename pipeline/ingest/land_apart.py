"""A batch that cannot land as a whole lands in parts, until the rows are found that cannot be stored.

Each part is a transaction of its own. The ledger's line of a file is written behind its rows, so that a process which
is killed in between reads the file again and counts what is stored as duplicates.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from pipeline.ingest.isolation import Apart, is_fault_of_data, what_failed
from pipeline.ingest.load import TABLES, Loaded, load_staged
from pipeline.ingest.offsets import Entry
from pipeline.ingest.piece_context import Reject, cleaned
from pipeline.ingest.transaction import Arrival, Extra, Landing, continued, land_batch
from pipeline.store.lake import Cursor, Store


def land_apart(
    store: Store, cursor: Cursor, arrivals: Sequence[Arrival], extra: Extra | None, covered_at: datetime | None
) -> list[Landing]:
    """Lands what is staged in as many transactions as it takes; returns what became of each arrival, in order.

    Raises what remains when rows and arrivals have been tried alone: then nothing of them is to blame.
    """
    put_aside(cursor)
    apart, landed, written = Apart(), dict[int, Landing](), dict[str, Entry]()

    def attempt(numbers: Sequence[int]) -> None:
        some = {number: continued(arrivals[number], written.get(arrivals[number].file)) for number in numbers}
        try:
            stage_again(cursor, f"number between {numbers[0]} and {numbers[-1]}")
            landings = store.write(partial(land_batch, arrivals=some, covered_at=covered_at), on=cursor)
        except Exception as error:
            if len(numbers) > 1 or not is_fault_of_data(error):
                raise
            landings = [land_rows_apart(store, cursor, numbers[0], some[numbers[0]], apart, covered_at)]
        landed.update(zip(numbers, landings, strict=True))
        written.update({landing.result.file: landing.entry for landing in landings})

    for _, error in apart.faults_of(range(len(arrivals)), attempt):
        raise error
    if extra is not None:
        store.write(extra)
    return [landed[number] for number in range(len(arrivals))]


def land_rows_apart(
    store: Store, cursor: Cursor, number: int, arrival: Arrival, apart: Apart, covered_at: datetime | None
) -> Landing:
    """Lands the rows of one arrival in parts, then its line of the ledger; a row that cannot be stored is a reject."""
    parts: list[Loaded] = []
    rejects: list[Reject] = []

    def attempt(places: Sequence[int]) -> None:
        stage_again(cursor, f"number = {number} and place between {places[0]} and {places[-1]}")
        loaded = store.write(partial(load_staged, files={number: arrival.file}), on=cursor)
        parts.extend(loaded.values())

    places = places_of(cursor, number)
    faults = apart.faults_of(places, attempt)
    for place, error in faults:
        line = 1 + places.index(place)
        rejects.append(Reject(line, f"cannot be stored ({what_failed(error)})", row_of(cursor, place, number)))
    listed = ", ".join(str(place) for place, _ in faults) or "-1"
    stage_again(cursor, f"number = {number} and place not in ({listed})")
    told = {number: replace(arrival, rejects=(*arrival.rejects, *rejects))}
    [landing] = store.write(
        partial(land_batch, arrivals=told, covered_at=covered_at, loaded={number: summed(parts)}), on=cursor
    )
    return landing


def put_aside(cursor: Cursor) -> None:
    """Copies what is staged, with the place of each row."""
    for table in TABLES:
        staged = f"select *, rowid as place from temp.staged_{table}"
        cursor.execute(f"create or replace temp table aside_{table} as {staged}")


def stage_again(cursor: Cursor, condition: str) -> None:
    """Stages those rows that were put aside for which a condition holds, and no others."""
    for table in TABLES:
        rows = f"select * exclude (place) from temp.aside_{table} where {condition} order by place"
        cursor.execute(f"create or replace temp table staged_{table} as {rows}")


def places_of(cursor: Cursor, number: int) -> list[int]:
    """Lists the places of a piece's rows."""
    rows = " union all ".join(f"select place from temp.aside_{table} where number = {number}" for table in TABLES)
    return [int(place) for (place,) in cursor.execute(f"{rows} order by place").fetchall()]


def row_of(cursor: Cursor, place: int, number: int) -> bytes:
    """Returns a row that was put aside as JSON, secrets removed: its piece is closed by then."""
    for table in TABLES:
        found = f"from temp.aside_{table} a where number = {number} and place = {place}"
        for (text,) in cursor.execute(f"select to_json(a)::varchar {found}").fetchall():
            return cleaned(str(text).encode())
    return b""


def summed(parts: Sequence[Loaded]) -> Loaded:
    """Sums what became of some of a piece's rows."""
    moments = [one for part in parts for one in (part.first, part.last) if one is not None]
    return Loaded(
        lines=sum(part.lines for part in parts),
        duplicates=sum(part.duplicates for part in parts),
        unfamiliar=sum(part.unfamiliar for part in parts),
        first=min(moments, default=None),
        last=max(moments, default=None),
        passed_over=sum(part.passed_over for part in parts),
    )
