"""What has no file of its own, such as standard input or what a zip file holds, under a path that DuckDB opens.

It is in memory, so that a log's secrets are not written to any disk a second time; only what is larger than IN_MEMORY
is in a file without a name that nobody else can open, and of which nothing is left when this process ends.
"""

import os
import tempfile

IN_MEMORY = 1 << 26


class PrivateCopy:
    """Bytes that are copied as they come."""

    def __init__(self) -> None:
        self.handle = os.memfd_create("copy")
        "Its descriptor, which is closed by whoever made it."
        self.size = 0
        self._on_disk = False

    @property
    def path(self) -> str:
        """Where it can be read as long as its descriptor is open."""
        return f"/proc/self/fd/{self.handle}"

    def write(self, block: bytes) -> None:
        """Adds bytes."""
        if not self._on_disk and self.size + len(block) > IN_MEMORY:
            self._move_to_disk()
        left = memoryview(block)
        while left:
            left = left[os.write(self.handle, left) :]
        self.size += len(block)

    def _move_to_disk(self) -> None:
        """Goes on in a file, with what there is so far, under the same descriptor."""
        with tempfile.TemporaryFile() as file:
            at = 0
            while sent := os.sendfile(file.fileno(), self.handle, at, self.size - at):
                at += sent
            os.dup2(file.fileno(), self.handle)
        self._on_disk = True
