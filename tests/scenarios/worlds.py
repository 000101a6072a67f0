"""Loads a world as a user would, asks the product, and compares what it says with the plain count."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from typer.testing import CliRunner

from pipeline.__main__ import command_line
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Store
from tests.scenarios.count import ANYTHING, Asked, Count, Rows
from tests.scenarios.files import lay, read
from tests.scenarios.lives import draw
from tests.scenarios.questions import COMPARED, Comparison

MISSING = "(no row)"


@dataclass(frozen=True)
class Difference:
    """Where the product and the count disagree."""

    question: str
    column: str
    asked: Asked
    key: Any
    right: Any
    said: Any

    def __str__(self) -> str:
        a = self.asked
        window = f"{a.since:%d %b %H:%M:%S} to {a.until:%d %b %H:%M:%S}, tenant {a.tenant}, job {a.job}"
        return f"{self.question}.{self.column} of {self.key}: {self.said!r}, right is {self.right!r} ({window})"


def written(seed: int, folder: Path) -> list[list[Path]]:
    """Writes the files of a seed's world; batches in the order in which they are loaded."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return lay(draw(seed), folder)


def load(batches: list[list[Path]]) -> None:
    """Loads batches by the command `ingest`, one call each."""
    runner = CliRunner()
    for batch in batches:
        done = runner.invoke(command_line(), ["ingest", *map(str, batch)])
        assert done.exit_code == 0, (done.output, done.exception)


def counted(batches: list[list[Path]]) -> Count:
    """Counts what the files hold."""
    return Count(*read([file for batch in batches for file in batch]))


def windows(seed: int, count: Count) -> Iterator[Asked]:
    """What is asked about: all there is, then windows off the hour, of a tenant or a job or of all."""
    [(first, last, *_)] = count.extent(Asked.__new__(Asked)).values()
    dice = Random(seed * 11 + 5)
    runs = [began for job in count.tenants for began in count.runs(job)]
    yield Asked(min([first, *runs]), last + timedelta(seconds=1))
    tenants, jobs = sorted(set(count.tenants.values())), sorted(count.tenants)
    moments = [one["at"] for one in count.events]
    for tenant, job in ((dice.choice(tenants), None), (None, dice.choice(jobs))):
        # At an event, or a second beside one: where an hour or a day is cut, something lies on both sides.
        since, until = sorted(dice.choice(moments) + timedelta(seconds=dice.randrange(-1, 2)) for _ in range(2))
        yield Asked(since, until + timedelta(seconds=2), tenant, job)


def differences(store: Store, count: Count, seed: int) -> list[Difference]:
    """Asks every question and returns all that is not as counted."""
    found = []
    whole, *others = windows(seed, count)
    for one in COMPARED:
        for asked in (whole, *others):
            # How things stand is asked as of the end, of all, and of a tenant or of a job.
            of = asked if one.windowed else replace(whole, tenant=asked.tenant, job=asked.job)
            if one.windowed or asked is whole or asked is others[seed % len(others)]:
                found += compare(store, one, count, of)
    return found


def compare(store: Store, one: Comparison, count: Count, asked: Asked) -> list[Difference]:
    """Asks one question and compares its rows with the count's."""
    if " " in one.asks:
        rows = [] if asked.tenant or asked.job else store.fetch(one.asks).to_pylist()
        return list(unequal(one, asked, one.count(count, asked), one.rows(rows))) if rows else []
    query = find_query(one.asks)
    names = {parameter.name for parameter in query.parameters}
    needed = {parameter.name for parameter in query.parameters if parameter.default is None}
    if (asked.tenant and "tenant" not in names) or (asked.job and "job" not in names):
        return []
    if not asked.job and "job" in needed and "job" not in one.given(count):
        return []
    values = {
        "since": asked.since, "until": asked.until, "as_of": asked.until, "at": asked.until,
        "tenant": asked.tenant, "job": asked.job,
    } | dict(one.more) | one.given(count)  # fmt: skip
    bound = bind(query, {name: value for name, value in values.items() if name in names})
    rows = store.fetch(query.sql, bound).to_pylist()
    return list(unequal(one, asked, one.count(count, asked), one.rows(rows)))


def unequal(one: Comparison, asked: Asked, right: Rows, said: Rows) -> Iterator[Difference]:
    """Compares rows, column by column."""
    for key in sorted(right.keys() | said.keys(), key=str):
        if key not in right or key not in said:
            yield Difference(one.name, MISSING, asked, key, right.get(key, MISSING), said.get(key, MISSING))
            continue
        many = isinstance(right[key], tuple)
        pairs = zip(right[key], said[key], strict=True) if many else [(right[key], said[key])]
        for column, (truth, word) in zip(one.columns, pairs, strict=True):
            if truth not in (word, ANYTHING):
                yield Difference(one.name, column, asked, key, truth, word)
