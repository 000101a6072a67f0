"""Where the product is known to differ from the count, why, and a seed that shows it.

An entry hides its differences from the comparison of all seeds; once its seed shows none, a test asks to remove it.
"""

from typing import NamedTuple


class Known(NamedTuple):
    """Why a column differs, and in which world that shows."""

    reason: str
    seed: int


KNOWN: dict[tuple[str, str], Known] = {}
