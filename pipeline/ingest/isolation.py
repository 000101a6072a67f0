"""Faults are isolated: what fails together is tried again in halves, until what fails stands alone.

Statements, files, lines and rows are all taken apart here. What only the machine can mend, such as a full disk or
another writer, is the fault of none of them and is raised.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline.config.errors import StoreError, Unreadable
from pipeline.store.connections import is_interrupted, is_lost

T = TypeVar("T")
Attempt = Callable[[Sequence[T]], None]
SYSTEMIC = 32
"Faults found before anything goes well, from which on the fault is not in what arrived."


class Apart:
    """What became of some items that were tried together, and in halves where that failed."""

    def __init__(self) -> None:
        self.worked = False
        self.faults: int = 0

    def faults_of(self, items: Sequence[T], attempt: Attempt[T]) -> list[tuple[T, Exception]]:
        """Tries items; returns those that fail alone, each with what was raised, in their order.

        An attempt that fails must leave nothing behind. Raises what the items cannot be blamed for.
        """
        try:
            attempt(items)
            self.worked = True
            return []
        except Exception as error:
            if not is_fault_of_data(error):
                raise
            if len(items) <= 1:
                self.faults += 1
                if self.faults >= SYSTEMIC and not self.worked:
                    raise
                return [(item, error) for item in items]
        half = len(items) // 2
        return self.faults_of(items[:half], attempt) + self.faults_of(items[half:], attempt)


def faults_of(items: Sequence[T], attempt: Attempt[T]) -> list[tuple[T, Exception]]:
    """Tries items together, and in halves where that fails; returns those that fail alone."""
    return Apart().faults_of(items, attempt)


def is_fault_of_data(error: Exception) -> bool:
    """Whether what arrived may be to blame for an error, rather than the machine, the store or another process."""
    if isinstance(error, MemoryError | OSError) or is_lost(error) or is_interrupted(error):
        return False
    return isinstance(error, Unreadable) or not isinstance(error, StoreError) or error.by_data


def what_failed(error: Exception) -> str:
    """Describes an error in a few words, for the reason of a reject."""
    text = " ".join(str(error).split("\n\nLINE ")[0].split())[:200]
    return text or type(error).__name__
