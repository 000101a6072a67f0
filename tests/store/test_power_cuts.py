"""A power cut at any point loses nothing that was acknowledged: what was not synced by then is dropped, as a disk may.

CUTS=200 makes as many cuts, from the first creation of a lake on.
"""

import os
import random
import shutil
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.store.lake import open_store
from tests.store.test_small_commits import EXACT
from tests.support.lakes import copied, ended
from tests.support.power_cuts import Device, calls, traced

CUTS = int(os.environ.get("CUTS", "3"))
MANY = 20
WRITER = """
import sys
from datetime import UTC, datetime
from pipeline.config.settings import Settings
from pipeline.maintenance.chores import maintain
from pipeline.store.lake import DUCKDB_OPTIONS, open_store
from tests.store.test_small_commits import land
DUCKDB_OPTIONS["allow_unsigned_extensions"] = True
store = open_store(Settings(_env_file=None, threads=1, store="ducklake:sqlite:{folder}/catalog.sqlite"))
for number in range(1, {commits} + 1):
    land(store, number)
    print(number, flush=True)
    if number % 9 == 3:
        maintain(store, datetime.now(UTC))
store.close()
"""


@pytest.mark.timeout(3600)
@pytest.mark.skipif(shutil.which("strace") is None and "CI" not in os.environ, reason="there is no strace here")
def test_a_power_cut_at_any_point_loses_nothing_that_was_acknowledged(tmp_path: Path, blank: Settings) -> None:
    folder, trace = tmp_path / "lake", tmp_path / "trace"
    commits = max(2, CUTS // 6)
    device, survived = Device(folder), list[int]()
    if CUTS < MANY:
        # The first creation of a lake is cut as well where there is time.
        copied(blank, Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
        device.hold()
    code, _, errors = ended(traced(WRITER.format(folder=folder, commits=commits), trace))
    assert code == 0, errors
    seen = list(calls(trace))
    chance = random.Random(CUTS)
    begin = next(number for number, one in enumerate(seen) if device.is_of_it(one))
    at = {*chance.sample(range(begin, len(seen)), CUTS - 1), len(seen) - 1}
    for number, one in enumerate(seen):
        device.see(one)
        if number in at:
            acknowledged = device.left(tmp_path / "cut", chance)
            stored = recovered(tmp_path / "cut")
            assert acknowledged <= stored <= acknowledged + 1, f"after call {number} of {len(seen)}"
            survived.append(stored)
    assert len(survived) == CUTS and survived[-1] == commits


def recovered(folder: Path) -> int:
    """Opens what a power cut has left as a service would that starts again; returns how many events are there."""
    store = open_store(Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite"))
    [row] = store.rows(EXACT)
    assert len(set(row)) == 1, row
    wide = store.rows("select count(distinct event_id || steps::varchar || changes::varchar) from events")
    assert wide == [row[:1]]
    store.close()
    return int(row[0])
