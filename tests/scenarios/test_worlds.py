"""Random worlds, loaded as a user would load them: every number of the main questions is what plain Python counts.

Ten seeds; `make test-deep` runs two hundred, `WORLDS=50 pytest tests/scenarios` as many as it says. A failure names the
seed, the question, what it was asked about, and both answers.
"""

import os
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.store.lake import open_store
from tests.scenarios.known import KNOWN
from tests.scenarios.worlds import Difference, counted, differences, load, written
from tests.support.lakes import copied

SEEDS = range(int(os.environ.get("WORLDS", "10")))
SHOWN = 12
FOUND: dict[int, list[Difference]] = {}
"What was found in the worlds so far: one is loaded once, however many tests look at it."


@pytest.fixture
def mismatches(request: pytest.FixtureRequest, settings: Settings, blank: Settings, tmp_path: Path) -> list[Difference]:
    """Where the product and the count disagree about the world of a seed."""
    seed: int = request.param
    if seed not in FOUND:
        copied(blank, settings)
        batches = written(seed, tmp_path / "logs")
        load(batches)
        store = open_store(settings)
        FOUND[seed] = differences(store, counted(batches), seed)
        store.close()
    return FOUND[seed]


@pytest.mark.parametrize("mismatches", SEEDS, indirect=True)
def test_every_answer_is_what_the_files_say(mismatches: list[Difference]) -> None:
    new = [one for one in mismatches if one.kind not in KNOWN]
    more = [f"and {len(new) - SHOWN} more"] if len(new) > SHOWN else []
    assert not new, "\n".join([*map(str, new[:SHOWN]), *more])


@pytest.mark.parametrize(
    ("kind", "mismatches"),
    [(kind, one.seed) for kind, one in KNOWN.items()],
    ids=map(".".join, KNOWN),
    indirect=["mismatches"],
)
def test_what_is_known_to_differ_still_does(kind: tuple[str, str], mismatches: list[Difference]) -> None:
    assert kind in {one.kind for one in mismatches}, (
        f"mended, remove it from tests/scenarios/known.py: {KNOWN[kind].reason}"
    )
