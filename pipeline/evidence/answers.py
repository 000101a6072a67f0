"""What the summary of a pack needs of its answers, gathered while their rows pass by into the zip."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
NAMED = 50
"How many people or stretches a list names; the rows name all."
IN_FULL = ("deprovision_times", "evidence_hours")
"Short answers, of which the summary needs every row; of the others it needs the first."


class JobAnswers:
    """One job's answers: how many rows each has, the first of them, and which removals the app's log confirms."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.done = 0
        "Leavers who are out by Entra's word."
        self.answered: dict[str, int | None] = {}
        "The event of each of them, with the status of the request that carried it; absent where none was matched."
        self.matched = 0
        "Events that found a request."
        self._done_events: set[str] = set()
        self._last_event: str | None = None

    def total(self) -> int:
        """Counts the rows of all answers."""
        return sum(self.counts.values())

    def confirmed(self) -> int:
        """Counts the removals that the app answered well."""
        return sum((status or 0) < 300 for status in self.answered.values())

    def passing(self, name: str, rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """Returns an answer's rows, of which it takes note as they pass."""
        return pa.RecordBatchReader.from_batches(rows.schema, self._noted(name, rows))

    def _noted(self, name: str, rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            kept = batch.num_rows if name in IN_FULL else NAMED - len(self.rows[name])
            self.rows[name] += batch.slice(0, max(0, kept)).to_pylist()
            self.counts[name] += batch.num_rows
            if name == "leaver_cases":
                self._take_leavers(batch)
            elif name == "evidence_matches":
                self._take_matches(batch)
            yield batch

    def _take_leavers(self, batch: pa.RecordBatch) -> None:
        outcomes, events = batch.column("outcome").to_pylist(), batch.column("event_id").to_pylist()
        done = [event for outcome, event in zip(outcomes, events, strict=True) if outcome == "done"]
        self.done += len(done)
        self._done_events.update(done)

    def _take_matches(self, batch: pa.RecordBatch) -> None:
        """Counts events, whose rows follow each other, and notes the answers to the leavers'."""
        events, statuses = batch.column("event_id").to_pylist(), batch.column("http_status").to_pylist()
        for event, status in zip(events, statuses, strict=True):
            self.matched += event != self._last_event
            self._last_event = event
            if event in self._done_events:
                self.answered[event] = status
