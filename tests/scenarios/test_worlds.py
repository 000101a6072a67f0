"""Random worlds, loaded as a user would load them: every number of the main questions is what plain Python counts.

Ten seeds; `make test-deep` runs two hundred, `WORLDS=50 pytest tests/scenarios` as many as it says. A failure names the
seed, the question, what it was asked about, and both answers.
"""

import os
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.store.lake import Store, open_store
from tests.scenarios.known import KNOWN
from tests.scenarios.worlds import Difference, counted, differences, load, written
from tests.support.lakes import copied

SEEDS = range(int(os.environ.get("WORLDS", "10")))
SHOWN = 12


def loaded(seed: int, folder: Path, settings: Settings) -> list[Difference]:
    """Loads the world of a seed and returns where the product and the count disagree."""
    batches = written(seed, folder / "logs")
    load(batches)
    store: Store = open_store(settings)
    found = differences(store, counted(batches), seed)
    store.close()
    return found


def told(found: list[Difference]) -> str:
    """Writes differences, a line each."""
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "\n".join([*map(str, found[:SHOWN]), *more])


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_is_what_the_files_say(seed: int, settings: Settings, blank: Settings, tmp_path: Path) -> None:
    copied(blank, settings)
    found = loaded(seed, tmp_path, settings)
    assert not (new := [one for one in found if one.kind not in KNOWN]), told(new)


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: "-".join(kind))
def test_what_is_known_to_differ_still_does(
    kind: tuple[str, str], settings: Settings, blank: Settings, tmp_path: Path
) -> None:
    copied(blank, settings)
    found = loaded(KNOWN[kind].seed, tmp_path, settings)
    assert kind in {one.kind for one in found}, (
        f"mended: remove it from tests/scenarios/known.py ({KNOWN[kind].reason})"
    )
