"""The cells of the matrix: what Entra reports down, what the app logged across, and the sentence on both."""

from dataclasses import dataclass

import pandas as pd

from pipeline.config.wording import count
from views.frame.look import Tone, plain_name


@dataclass(frozen=True)
class Cell:
    """Where a cell is, how it looks and what it means."""

    row: str
    column: str
    label: str
    tone: Tone
    meaning: str


ROWS = ("Entra: success", "Entra: failure", "Entra: no event")
COLUMNS = ("App: success", "App: error", "App: no request", "Other")
WELL, FAILED, SILENT = ROWS
CELLS = {
    "never seen": Cell(
        WELL,
        COLUMNS[2],
        "not in the app's log",
        "bad",
        "Entra reports a write, and the app's log, which covers the time, has no such request",
    ),
    "no event": Cell(
        SILENT,
        COLUMNS[0],
        "write without event",
        "bad",
        "a write without an event, though Entra's log covers the time: a script, another client or an attacker",
    ),
    "refused but well": Cell(
        WELL, COLUMNS[1], "rejected by the app", "bad", "the app answered with an error and Entra reports success"
    ),
    "taken but failed": Cell(
        FAILED, COLUMNS[0], "reported failure", "warn", "the app answered 2xx and Entra reports failure"
    ),
    "turned away": Cell(
        SILENT,
        COLUMNS[1],
        "unauthorized",
        "warn",
        "answered 401 or 403 before anything was processed, credential checks included; Entra logs no event of it",
    ),
    "failed unseen": Cell(
        FAILED,
        COLUMNS[2],
        "never reached the app",
        "warn",
        "Entra reports failure and the app's log has no request: a timeout, the network or a proxy between them",
    ),
    "seen twice": Cell(
        SILENT,
        COLUMNS[3],
        "sent twice",
        "warn",
        "the same write a second time within two minutes; only one event",
    ),
    "both well": Cell(WELL, COLUMNS[0], "agree", "good", "both report success"),
    "both failed": Cell(FAILED, COLUMNS[1], "agree", "quiet", "both report failure"),
    "no write": Cell(
        FAILED,
        COLUMNS[3],
        "nothing written",
        "quiet",
        "it failed before anything was written; at most a search belongs to it",
    ),
    "beside another": Cell(
        SILENT,
        COLUMNS[3],
        "further step",
        "quiet",
        "another write on the same user or group within two minutes of one that has an event",
    ),
    "not known": Cell(
        "",
        "",
        "unknown",
        "quiet",
        "the other log does not cover the time, or it is unknown whose requests these are",
    ),
}
"The worst first."
TROUBLE = tuple(name for name, cell in CELLS.items() if cell.tone in ("bad", "warn"))
DISAGREEMENTS = {
    "never seen": "{} reported as success, missing in the app's log",
    "no event": "{} to the app without an event in Entra",
    "refused but well": "{} reported as success, rejected by the app",
    "taken but failed": "{} reported as failure, accepted by the app",
    "failed unseen": "{} never reached the app",
    "turned away": "{} answered with 401 or 403",
    "seen twice": "{} sent twice",
}
NOUNS = {
    "never seen": ("change", "changes"),
    "no event": ("write", "writes"),
    "refused but well": ("change", "changes"),
    "taken but failed": ("change", "changes"),
    "failed unseen": ("failure", "failures"),
    "turned away": ("request", "requests"),
    "seen twice": ("write", "writes"),
}


def cell_counts(rows: pd.DataFrame) -> dict[str, int]:
    """Returns how many events and requests each cell has."""
    sums = rows.groupby("cell")["events"].sum()
    return {name: int(sums.get(name, 0)) for name in CELLS}


def compared(counts: dict[str, int]) -> tuple[int, int]:
    """Returns how many of Entra's changes were compared, and on how many both sides agree."""
    total = sum(number for name, number in counts.items() if CELLS[name].row in (WELL, FAILED) and name != "no write")
    return total, counts.get("both well", 0) + counts.get("both failed", 0)


def sentence(counts: dict[str, int], apps: list[str]) -> str:
    """Writes whether both sides agree, and where not, the worst first.

    >>> sentence({"both well": 9, "seen twice": 2}, ["Cerby"])
    'Entra and Cerby agree on all 9 changes. Also found: 2 writes sent twice.'
    """
    total, agreed = compared(counts)
    who = " and ".join(map(plain_name, apps)) or "the app"
    lacking = [DISAGREEMENTS[name].format(count(counts[name], *NOUNS[name])) for name in TROUBLE if counts.get(name, 0)]
    head = f"No change in {who} to compare in this time range"
    if total:
        on = f"all {count(total, 'change')}" if agreed == total else f"{agreed:,} of {count(total, 'change')}"
        head = f"Entra and {who} agree on {on}"
    unknown = f" {counts['not known']:,} unknown." if counts.get("not known") else ""
    turn = "Also found" if agreed == total else "Differences"
    return f"{head}.{unknown}" if not lacking else f"{head}. {turn}: {'; '.join(lacking)}.{unknown}"
