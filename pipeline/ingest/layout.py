"""What the beginning of a file shows, which is all that a source may recognise it by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Layout = Literal["lines", "array", "document", "csv", "text"]
WRAPPERS = ("value", "records", "entries")
"Keys under which a page or batch holds its records."


@dataclass(frozen=True)
class Head:
    """The first records of a file and how they are laid out."""

    layout: Layout
    samples: list[Mapping[str, Any]] = field(default_factory=list)
    "The first records, wrappers taken off."
    wrapper: str | None = None
    "The key that holds the records, if they are wrapped."
    header: tuple[str, ...] = ()
    "The column names of a CSV."
    lines: tuple[str, ...] = ()
    "The first lines of a text file."

    empty: bool = False
    "Whether there is nothing in it: blanks, an empty array, an empty page."

    @property
    def first(self) -> list[Mapping[str, Any]]:
        """As many records as it takes to see how keys are spelled."""
        return self.samples[:40]

    def has(self, *keys: str) -> bool:
        """Whether some one record has all these keys, whatever their case."""
        wanted = {key.casefold() for key in keys}
        return any(wanted <= {str(key).casefold() for key in sample} for sample in self.samples)

    def inner(self, key: str) -> "Head":
        """The objects that the records hold under a key, as a head of their own."""
        found = [
            value for sample in self.samples for name, value in sample.items() if name.casefold() == key.casefold()
        ]
        return Head(self.layout, [value for value in found if isinstance(value, Mapping)])
