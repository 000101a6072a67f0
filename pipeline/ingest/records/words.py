"""The field's enumerations, spelled and ordered as Microsoft's service metadata has them.

The order is the numeric code that diagnostic records use (entra-provisioning fact: 0 success, 1 failure, …).
"""

from enum import StrEnum


class Action(StrEnum):
    """What Entra meant to do to the object."""

    OTHER = "other"
    "Nothing to write, or something with no name of its own."
    CREATE = "create"
    "Make the object in the target."
    DELETE = "delete"
    "Remove it there."
    DISABLE = "disable"
    "Set it inactive there."
    UPDATE = "update"
    "Change attributes there."
    STAGED_DELETE = "stagedDelete"
    "A deletion held back by the deletion threshold."


class Status(StrEnum):
    """How an event, or a step of it, ended."""

    SUCCESS = "success"
    "It was done."
    FAILURE = "failure"
    "It was tried and could not be done; it is retried."
    SKIPPED = "skipped"
    "It was not tried."
    WARNING = "warning"
    "It was done, with a remark."


class StepType(StrEnum):
    """Which part of the work a step belongs to; its name does not decide that."""

    IMPORT = "import"
    "Reading from the source."
    SCOPING = "scoping"
    "Deciding whether the object is in scope."
    MATCHING = "matching"
    "Finding the object in the target."
    PROCESSING = "processing"
    "Working out what to write."
    REFERENCE_RESOLUTION = "referenceResolution"
    "Finding a manager or the members."
    EXPORT = "export"
    "Writing to the target."


def spelled(words: type[StrEnum], text: str) -> str:
    """Builds SQL that spells a word as documented, from any case or from its numeric code; others stay as they are.

    Most records spell it so already, which one comparison finds out.

    >>> spelled(Status, "s").split(" else ")[-1]
    's end end'
    """
    cases = [f"when '{word.lower()}' then '{word}' when '{code}' then '{word}'" for code, word in enumerate(words)]
    return (
        f"case when {documented(words, text)} then {text} else case lower({text}) {' '.join(cases)} else {text} end end"
    )


def documented(words: type[StrEnum], text: str) -> str:
    """Builds SQL that is true for a word spelled as documented.

    Not by a long `in`: DuckDB makes a join of it, and the rows of a join are not inserted in the order of reading, by
    which the lines of a file are known again.
    """
    return "(" + " or ".join(f"{text} = {str(word)!r}" for word in words) + ")"


def undocumented(words: type[StrEnum], text: str) -> str:
    """Builds SQL that is true for a word nobody has documented yet."""
    return f"coalesce(not ({documented(words, text)}), false)"
