"""How logs, apps and settings spell a boolean: one list, which Python parses by and patterns in SQL are built from.

The model's macro `truth_value` parses the same words; a test holds it to this list.
"""

TRUE = ("true", "yes", "1")
FALSE = ("false", "no", "0")


def parse_boolean(text: str | None) -> bool | None:
    """Parses a boolean, whatever its case; None for anything else.

    >>> parse_boolean(" No "), parse_boolean("True"), parse_boolean("perhaps")
    (False, True, None)
    """
    word = (text or "").strip().casefold()
    return True if word in TRUE else False if word in FALSE else None


def boolean_pattern(spellings: tuple[str, ...]) -> str:
    r"""Builds the pattern of a JSON member's boolean, quoted or not; for a search that ignores case.

    >>> boolean_pattern(TRUE)
    '"?(?:true|yes|1)\\b'
    """
    return rf'"?(?:{"|".join(spellings)})\b'
