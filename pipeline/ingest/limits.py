"""What a compressed file may unpack to, so that a few megabytes cannot fill a machine."""

from dataclasses import dataclass
from typing import Self

from pipeline.config.errors import TooMuch
from pipeline.config.settings import Settings

FLOOR = 1 << 26
"Bytes that any file may unpack to, whatever the ratio."
NESTED = 3
"Zip files that may lie in each other; there are some that hold themselves."


@dataclass(frozen=True)
class Limits:
    """The settings of compressed files."""

    unpacked_bytes: int = 16 * 1024**3
    ratio: int = 250
    members: int = 10_000

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Takes them from the settings."""
        return cls(settings.unpacked_bytes, settings.unpacked_ratio, settings.archive_members)

    def budget(self, packed: int) -> "Budget":
        """Returns what a file of so many packed bytes may unpack to."""
        return Budget(self, min(self.unpacked_bytes, max(FLOOR, packed * self.ratio)), self.members)


USUAL = Limits()
"Those of the settings' defaults."


@dataclass
class Budget:
    """What is left of what a file may unpack to, with all that is packed inside it."""

    limits: Limits
    left: int
    members: int
    depth: int = 0

    def take(self, amount: int) -> None:
        """Counts unpacked bytes; raises TooMuch where there are too many."""
        self.left -= amount
        if self.left < 0:
            raise TooMuch(
                f"unpacks to more than {self.limits.ratio} times its size or {self.limits.unpacked_bytes >> 20:,} MB; "
                "if it is a log, raise PROVISIONING_UNPACKED_RATIO or PROVISIONING_UNPACKED_BYTES"
            )

    def take_members(self, listed: int) -> int:
        """Counts the files that a zip file lists; returns how many of them may be read."""
        allowed = min(listed, self.members)
        self.members -= allowed
        return allowed
