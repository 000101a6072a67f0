"""Characters that no text column may hold, and what stands in their place: NUL, and half of a surrogate pair.

A NUL breaks the statistics of DuckLake 1.0, half a pair cannot be written as UTF-8. JSON may spell both, so that
anybody who chooses an id or a name can send them. What holds one is kept, with U+FFFD in its place.
"""

import json
import re
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
UNFIT = re.compile("[\0\ud800-\udfff]")
ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"How JSON spells an unfit character; whole pairs are spelled like this as well."
ESCAPED_NUL = r"((?:^|[^\\])(?:\\\\)*)(?:\\u0000)+"
"NULs in the text of JSON, behind what stands before them."


def fit(text: str) -> str:
    r"""Returns a text with U+FFFD for each character that no text column may hold.

    >>> fit("a\0b"), fit("\ud83d\ude00" + "\ud83d"), fit("😀")
    ('a�b', '���', '😀')
    """
    return UNFIT.sub(REPLACEMENT, text)


def fit_value(value: Any) -> Any:
    """Returns a JSON value with every text and every key made fit; may raise RecursionError."""
    if isinstance(value, str):
        return fit(value)
    if isinstance(value, list):
        return [fit_value(inner) for inner in value]
    if isinstance(value, dict):
        return {fit(key) if isinstance(key, str) else key: fit_value(inner) for key, inner in value.items()}
    return value


def fit_json(text: str) -> Any:
    r"""Parses JSON whose texts are then fit to be stored; raises ValueError, or RecursionError where it is too deep.

    >>> fit_json(r'{"id": "a\u0000b", "name": "\ud83d\ude00 \ud83d"}')
    {'id': 'a�b', 'name': '😀 �'}
    """
    value = json.loads(text)
    return fit_value(value) if may_be_unfit(text) else value


def may_be_unfit(text: str, start: int = 0) -> bool:
    """Whether JSON may spell a character that no text column may hold; most has no such escape at all."""
    return text.find("\\u", start) >= 0 and ESCAPED.search(text, start) is not None


def fit_name(path: str) -> str:
    r"""Returns a file's name as the ledger can hold it: bytes that are not UTF-8 are spelled out.

    >>> fit_name("plain.json"), fit_name("caf\udce9.json")
    ('plain.json', 'caf\\xe9.json')
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return path


def fit_sql(text: str) -> str:
    """Builds SQL for a text with U+FFFD for each NUL; DuckDB has no halves of pairs."""
    return f"replace({text}, chr(0), chr(65533))"


def fit_json_sql(text: str) -> str:
    """Builds SQL for the text of JSON with U+FFFD for the NULs that it spells."""
    return f"regexp_replace({text}, '{ESCAPED_NUL}', '\\1' || chr(65533), 'g')"
