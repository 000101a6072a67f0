"""Random worlds, loaded as a user would load them: every number of the main questions is what plain Python counts.

Ten seeds; `make test-deep` runs two hundred, `WORLDS=50 pytest tests/scenarios` as many as it says. A failure names the
seed, the question, what it was asked about, and both answers.
"""

import os
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.store.lake import open_store
from tests.scenarios.worlds import counted, differences, load, written
from tests.support.lakes import copied

SEEDS = range(int(os.environ.get("WORLDS", "10")))
SHOWN = 12


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_is_what_the_files_say(settings: Settings, blank: Settings, tmp_path: Path, seed: int) -> None:
    copied(blank, settings)
    batches = written(seed, tmp_path / "logs")
    load(batches)
    store = open_store(settings)
    found = differences(store, counted(batches), seed)
    store.close()
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    assert not found, "\n".join([*map(str, found[:SHOWN]), *more])
