"""Widgets that follow a word of the address, so that a link and Back set them."""

from collections.abc import Callable
from typing import Any, TypeVar

from views.frame.state import Word, set_value, value, write_word

T = TypeVar("T")


def follows(word: Word, key: str, shown: T, write: Callable[[T], str | None]) -> dict[str, Any]:
    """Returns what makes a widget follow a word of the address, also on Back: `shown` is what the word names.

    `write` returns the word for what a person chooses, or None for what is usual.
    """
    set_value(key, shown)
    return {"key": key, "on_change": lambda: write_word(word, write(value(key)))}
