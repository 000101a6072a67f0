"""What a rule's answer holds: a row is a finding, or says of which subject the rule cannot tell, or who is settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.rules.summary import summary_of

FIRST = ("as_of", "subject", "since", "summary", "app_name", "job_id")
"The columns that every rule's answer begins with; the others are its evidence."
OTHERS = ("severity", "unknown", "unwatched", "settled")
"""Columns that some rules have, and that are no evidence: how grave a row is, why the subject cannot be judged, and who
was found before and is settled."""


@dataclass(frozen=True)
class Finding:
    """One row of a rule's answer."""

    subject: str
    since: datetime
    summary: str
    app_name: str | None
    job_id: str | None
    evidence: Mapping[str, Any]
    severity: str | None = None
    "Where the rule itself grades its rows, in a column of that name."
    unknown: str | None = None
    "What is missing where the rule cannot tell of the subject: then it is no finding, and closes nothing either."
    is_absent: bool = False
    "Whether that is nothing missing: there is nothing that the rule could check."
    settled: frozenset[str] | None = None
    "Whom the log shows to be settled, where nobody is pending any more: then it is no finding."


def finding_of(row: Mapping[str, Any]) -> Finding:
    """Builds a finding from a row of a rule's answer."""
    return Finding(
        str(row["subject"]),
        row["since"],
        summary_of(row),
        row["app_name"],
        row["job_id"],
        {name: seen for name, seen in row.items() if name not in (*FIRST, *OTHERS)},
        row.get("severity"),
        row.get("unknown") or row.get("unwatched"),
        not row.get("unknown") and bool(row.get("unwatched")),
        None if row.get("settled") is None else frozenset(row["settled"]),
    )
