"""Where the product is known to differ from the count, why, and a seed that shows it.

An entry hides its differences from the comparison of all seeds; once its seed shows none, a test asks to remove it.
"""

from typing import NamedTuple


class Known(NamedTuple):
    """Why a column differs, and in which world that shows."""

    reason: str
    seed: int


ACCOUNT = "a skip or a redundant export after a disable or a delete is taken for the account's state"
MOVES = "only skips move the scope; an assignment taken away or given shows in the scoping step alone"
OLDER = "a wait that is older than the log begins with its first event seen, not with its creation"
NAMES = "a former name that came in the same load as a newer one finds nobody"

KNOWN = {
    ("people", "state"): Known(ACCOUNT, 3),
    ("person_states", "state"): Known(ACCOUNT, 1),
    ("people_by_state", "objects"): Known(ACCOUNT, 3),
    ("people_by_state", "(no row)"): Known(ACCOUNT, 0),
    ("placements", "in_sync"): Known(ACCOUNT, 0),
    ("placements", "disabled"): Known(ACCOUNT, 3),
    ("placements", "deleted"): Known(ACCOUNT, 0),
    ("placements", "out_of_scope"): Known(ACCOUNT, 3),
    ("people.search", "(no row)"): Known(NAMES, 0),
    ("scope_moves", "(no row)"): Known(MOVES, 3),
    ("open_escrows", "opened_at"): Known(OLDER, 3),
    ("open_escrows", "attempts"): Known(OLDER, 3),
    ("open_escrows", "dropped_at"): Known(OLDER, 3),
}
