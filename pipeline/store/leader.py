"""Which process runs the background jobs: one at a time has the leadership, which the OS frees when that one dies."""

from pipeline.config.settings import Settings
from pipeline.store.process_lock import Holder, ProcessLock, current_holder

KIND = "beats"
"The lock's name of version 0.1: a process of that version and one of this never lead side by side."


def take_leadership(settings: Settings, role: str) -> ProcessLock | None:
    """Takes the leadership at once; None when another process, or another part of this one, has it."""
    return ProcessLock.take(settings, KIND, role)


def current_leader(settings: Settings) -> Holder | None:
    """Returns the process that runs the background jobs now."""
    return current_holder(settings, KIND)
