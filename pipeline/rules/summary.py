"""Completes the sentence of a finding: codes and Graph's reasons are written in words, from pipeline/knowledge."""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.knowledge.causes import find_cause
from pipeline.knowledge.quarantine_reasons import reason_in_words

SINCE = re.compile(r" since \d+ \w+,? \d\d:\d\d( UTC)?$")
"What a rule's sentence may end with."
CAUSE = "{cause}"
"Where a rule's summary wants the cause of its row's error, or of its quarantine."


def summary_of(row: Mapping[str, Any]) -> str:
    """Returns the sentence of a rule's row.

    >>> summary_of({"summary": "Cerby: new error ({cause})", "error_code": "ContosoEntryConflict"})
    'Cerby: new error (another object has this value already)'
    """
    summary = str(row["summary"])
    return summary.replace(CAUSE, cause_in_words(row)) if CAUSE in summary else summary


def undated(summary: str) -> str:
    """Returns an incident's sentence without since when.

    >>> undated("Cerby has been rejecting the access token since 26 Nov, 11:48 UTC")
    'Cerby has been rejecting the access token'
    """
    return SINCE.sub("", " ".join(summary.split()).rstrip("."))


def cause_in_words(row: Mapping[str, Any]) -> str:
    """Writes the cause of a row's error; of a quarantine, Graph's reason where that says more."""
    code, job_id = row.get("error_code"), row.get("job_id")
    if "reason" in row:
        return reason_in_words(row["reason"], code, job_id)
    if not code:
        return "no error given"
    cause = find_cause(code, job_id=job_id)
    return cause.clause if cause is not None else f"undocumented error {code}"
