"""How pages write since when an object awaits a retry and how often it was tried, and what tells that."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.config.wording import instant

EVIDENCE = {
    "first failure": "first failure in the log",
    "creation time": "creation time of the retry",
    "retry count": "estimate from the retry count",
    "at the latest": "at the latest, the log begins later",
}
"What tells since when."


def evidence(rows: pd.DataFrame) -> pd.DataFrame:
    """Writes out what tells since when, and that attempts may be more where they may."""
    least = rows["is_at_least"].astype(bool)
    attempts = rows["attempts"].astype(str).where(~least, "at least " + rows["attempts"].astype(str))
    return rows.assign(
        opened_from=rows["opened_from"].map(EVIDENCE), attempts=attempts if least.any() else rows["attempts"]
    )


def since_when(state: Mapping[str, Any]) -> str:
    """Writes since when an object fails, as exactly as that is known."""
    at = instant(state["since"])
    match state.get("since_from"):
        case "at the latest":
            return f"{at} at the latest"
        case "retry count":
            return f"about {at} (by the retry count)"
        case _:
            return at
