"""Cases of a test, of which `make test` runs some and `make test-deep` the others."""

from collections.abc import Iterable
from typing import Any

import pytest


def thinned(cases: Iterable[Any], every: int = 2) -> list[Any]:
    """Returns the cases with the mark `deep` on all but each second, or each so many, from the first on."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.deep)
        if number % every
        else case
        for number, case in enumerate(cases)
    ]
