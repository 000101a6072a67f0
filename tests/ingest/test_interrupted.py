"""However files grow and in however many ingests they are read: the store is that of one undisturbed ingest."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.settings import Settings, read_settings
from pipeline.store.lake import Store, open_store
from tests.support.lakes import copied
from tests.support.loads import put, read
from tests.support.shapes import array, diagnostic, dumped, event, packed

MARK = b"\xef\xbb\xbf"
STEPS = 3
"Ingests of the disturbed store; the last one finds every file whole."
CONTENT = (
    "select * exclude (source) from events order by all",
    "from identities order by all",
    "from hourly order by all",
    "select * exclude (rejected_at) from rejects order by all",
    'select "file", source, size, read_to, lines, rejects from files order by all',
    "select sum(lines), sum(kept), sum(duplicates), sum(rejects), sum(unfamiliar) from files",
    "select origin, source, tenant_id, job_id, since, until from coverage order by all",
)
"Of which file and source a repeated record is kept depends on the order of reading; the record and the sums do not."


@dataclass(frozen=True)
class Log:
    """A file at its end, and how much of it there is at each ingest."""

    data: bytes
    sizes: tuple[int, ...]


def text_of(numbers: list[int], end: str, envelope: bool) -> bytes:
    """Lines of a log: records of a few events, so that some repeat; a negative number is a line that is none."""
    records = [event("ada", max(number, 0)) for number in numbers]
    shaped = [diagnostic(record) if envelope else record for record in records]
    words = [dumped(one) if number >= 0 else "oops" for number, one in zip(numbers, shaped, strict=True)]
    return "".join(word + end for word in words).encode()


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """A plain file that grows at random bytes, or one that is written at once."""
    kind = draw(st.sampled_from(["plain", "plain", "plain", "gz", "array", "empty"]))
    numbers = [draw(st.integers(0, 9)), *draw(st.lists(st.integers(-1, 9), max_size=6))]
    if kind == "empty":
        return Log(b"", (0,) * STEPS)
    if kind == "array":
        data = array([event("ada", max(number, 0)) for number in numbers])
    else:
        data = text_of(numbers, draw(st.sampled_from(["\n", "\r\n", "\n\n"])), draw(st.booleans()))
        data = draw(st.sampled_from([b"", MARK, b"\n"])) + data
        if draw(st.booleans()):
            data = data.rstrip()
    if kind != "plain":
        data = packed(data) if kind == "gz" else data
        there = draw(st.integers(0, STEPS - 1))
        return Log(data, tuple(len(data) if step >= there else 0 for step in range(STEPS)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), min_size=STEPS - 1, max_size=STEPS - 1)))
    return Log(data, (*cuts, len(data)))


@contextmanager
def lake(blank: Settings, folder: Path, slice_bytes: int) -> Iterator[Store]:
    """An empty lake in a folder."""
    own = read_settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite", slice_bytes=slice_bytes)
    copied(blank, own)
    store = open_store(own)
    try:
        yield store
    finally:
        store.close()


@settings(max_examples=3, deadline=None)
@given(files=st.lists(logs(), min_size=1, max_size=4), slice_bytes=st.sampled_from([4096, 1 << 28]))
def test_files_that_grow_give_the_store_of_one_undisturbed_ingest(
    blank: Settings, files: list[Log], slice_bytes: int
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with lake(blank, folder / "disturbed", slice_bytes) as disturbed, lake(blank, folder / "one", 1 << 28) as one:
            for step in range(STEPS):
                put(folder / "in", {f"{n}.log": log.data[: log.sizes[step]] for n, log in enumerate(files)})
                read(disturbed, folder / "in")
            read(one, folder / "in")
            for sql in CONTENT:
                assert disturbed.rows(sql) == one.rows(sql), sql
            before = disturbed.revision()
            assert all(file.lines == 0 for file in read(disturbed, folder / "in").values())
            assert disturbed.revision() == before
