"""Turns the words after `ask` into a question and values for its parameters."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.catalog import Query
from pipeline.store import Store

EXTENT = "select min(occurred_at), max(occurred_at) from events"


class Refused(Exception):
    """The words given cannot be carried out; the message says why."""


def read_words(words: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Tells the question's name from `--name value` and `--name=value`.

    >>> read_words(["fleet", "--since", "2026-01-05", "--top-n=3"])
    ('fleet', {'since': '2026-01-05', 'top_n': '3'})
    """
    names: list[str] = []
    values: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            names.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and not rest:
            raise Refused(f"{word} needs a value, such as {word} 2026-01-05")
        values[name.replace("-", "_")] = value if equals else rest.pop(0)
    if len(names) > 1:
        raise Refused(f"One question at a time; {' and '.join(names)} were given.")
    return (names[0] if names else None), values


def with_window(store: Store, query: Query, given: Mapping[str, str]) -> dict[str, object]:
    """Fills in a window that was not given: everything the store holds, from its first event to its newest."""
    wanted = {parameter.name for parameter in query.parameters if parameter.default is None}
    missing = wanted & {"since", "until"} - set(given)
    return {**given, **{name: extent(store)[name] for name in missing}}


def extent(store: Store) -> dict[str, datetime]:
    """Gives the half-open window that holds every event; an empty store's is a day without any."""
    first, newest = store.rows(EXTENT)[0]
    first = first or datetime(1970, 1, 1)
    return {"since": first, "until": (newest or first) + timedelta(seconds=1)}
