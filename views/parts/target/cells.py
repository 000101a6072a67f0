"""The cells of the matrix: what Entra reports down, what the app logged across, and the sentence on both."""

from dataclasses import dataclass

import pandas as pd

from pipeline.config.wording import count
from views.frame.look import Tone, plain


@dataclass(frozen=True)
class Cell:
    """Where a cell is, how it looks and what it means."""

    row: str
    column: str
    label: str
    tone: Tone
    meaning: str


ROWS = ("Entra says success", "Entra says failure", "Entra says nothing")
COLUMNS = ("The app answered well", "The app answered an error", "The app never saw it", "Otherwise")
WELL, FAILED, SILENT = ROWS
CELLS = {
    "never seen": Cell(
        WELL,
        COLUMNS[2],
        "never seen",
        "bad",
        "Entra says that it wrote, and the app's log, which covers the moment, has no such request",
    ),
    "no event": Cell(
        SILENT,
        COLUMNS[0],
        "written, no event",
        "bad",
        "a write of which no event tells, though Entra's log covers the moment: a script, another client, an attacker",
    ),
    "refused but well": Cell(
        WELL, COLUMNS[1], "refused, called success", "bad", "the app answered an error and Entra says success"
    ),
    "taken but failed": Cell(
        FAILED, COLUMNS[0], "taken, called failure", "warn", "the app answered 2xx and Entra says failure"
    ),
    "turned away": Cell(
        SILENT,
        COLUMNS[1],
        "turned away",
        "warn",
        "answered 401 or 403 before anything was looked at, credential checks among them; Entra tells no event of it",
    ),
    "failed unseen": Cell(
        FAILED,
        COLUMNS[2],
        "failed unseen",
        "warn",
        "Entra says failure and the app never saw the request: a timeout, a network or a proxy between the two",
    ),
    "seen twice": Cell(
        SILENT,
        COLUMNS[3],
        "seen twice",
        "warn",
        "the same write a second time within two minutes; one event tells of it",
    ),
    "both well": Cell(WELL, COLUMNS[0], "agree", "good", "both sides say that it was done"),
    "both failed": Cell(FAILED, COLUMNS[1], "agree", "quiet", "both sides say that it failed"),
    "no write": Cell(
        FAILED,
        COLUMNS[3],
        "nothing written",
        "quiet",
        "it ended before anything was to be written; at most a look-up belongs to it",
    ),
    "beside another": Cell(
        SILENT,
        COLUMNS[3],
        "a further step",
        "quiet",
        "another write on the same object within two minutes of one that an event tells of",
    ),
    "not known": Cell(
        "",
        "",
        "not known",
        "quiet",
        "the other side's log does not cover the moment, or nobody can tell whose requests these are",
    ),
}
"The worst first."
TROUBLE = tuple(name for name, cell in CELLS.items() if cell.tone in ("bad", "warn"))
DISAGREEMENTS = {
    "never seen": "{} called success that the app never saw",
    "no event": "{} to the app of which Entra knows nothing",
    "refused but well": "{} called success that the app refused",
    "taken but failed": "{} called failure that the app had taken",
    "failed unseen": "{} that never reached the app",
    "turned away": "{} turned away with 401 or 403",
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


def sentence(counts: dict[str, int], apps: list[str]) -> str:
    """Writes whether both sides agree, and where not, the worst first.

    >>> sentence({"both well": 9, "seen twice": 2}, ["Cerby"])
    'Of 9 changes that Entra tells of Cerby, both sides agree on all. Besides: 2 writes sent twice.'
    """
    total = sum(number for name, number in counts.items() if CELLS[name].row in (WELL, FAILED) and name != "no write")
    agreed = counts.get("both well", 0) + counts.get("both failed", 0)
    who = " and ".join(map(plain, apps)) or "the app"
    lacking = [DISAGREEMENTS[name].format(count(counts[name], *NOUNS[name])) for name in TROUBLE if counts.get(name, 0)]
    head = f"Entra tells of no change in {who} in this window"
    if total:
        on = "all" if agreed == total else f"{agreed:,}"
        head = f"Of {count(total, 'change')} that Entra tells of {who}, both sides agree on {on}"
    unknown = f" {count(counts['not known'], 'is', 'are')} not known." if counts.get("not known") else ""
    turn = "Besides" if agreed == total else "Not so"
    return f"{head}.{unknown}" if not lacking else f"{head}. {turn}: {'; '.join(lacking)}.{unknown}"


def worst_cell(counts: dict[str, int]) -> str:
    """Returns the cell to open first: the worst that has anything in it."""
    return next((name for name in CELLS if counts.get(name)), "both well")
