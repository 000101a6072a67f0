"""How pages write since when an object awaits a retry and how often it was tried, and what tells that."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from pipeline.config.wording import instant, is_missing
from views.frame.data import as_of

RETRIED_FOR = timedelta(days=28)
"How long after the first failure Entra retries."
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


def is_overdue(retry_at: Any) -> bool:
    """Whether a retry was due before the data ends; no attempt is in the log since, or it would not be the next."""
    return bool(retry_at <= as_of())


def retries_ended(since: Any) -> datetime | None:
    """Returns when Entra gave up an object that has been failing for so long; None where it still tries, or may."""
    ended = None if is_missing(since) else since + RETRIED_FOR
    return ended if ended is not None and ended <= as_of() else None


def retry_words(retry_at: Any) -> str:
    """Writes when Entra tries again, or when that was due, to follow what is pending."""
    return f"retry was due {instant(retry_at)}" if is_overdue(retry_at) else f"next retry {instant(retry_at)}"
