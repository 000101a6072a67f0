"""Reads the arguments of commands: questions, parameters, instants."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pipeline.config.errors import InvalidRequest
from pipeline.config.wording import iso
from pipeline.store.catalog import Query, instant
from pipeline.store.lake import Store
from pipeline.store.present import as_of, extent


def read_instant(text: str) -> datetime:
    """Reads an instant of the command line as naive UTC."""
    try:
        return instant(text)
    except ValueError:
        raise InvalidRequest(f"'{text}' is no instant; ISO 8601 was expected, such as 2026-01-20T12:00:00Z.") from None


def check_window(since: datetime, until: datetime) -> None:
    """Refuses a window that ends before it begins."""
    if since > until:
        raise InvalidRequest(f"The window must begin before it ends; {iso(since)} until {iso(until)} was given.")


def read_words(words: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Separates the question's name from `--name value` and `--name=value`.

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
            raise InvalidRequest(f"{word} needs a value behind it.")
        values[name.replace("-", "_")] = value if equals else rest.pop(0)
    if len(names) > 1:
        raise InvalidRequest(f"One question at a time; {' and '.join(names)} were given.")
    return (names[0] if names else None), values


def with_window(store: Store, query: Query, given: Mapping[str, str]) -> dict[str, object]:
    """Fills in a window that was not given, all that the store holds, and an instant that was not given, the present.

    Of a run Graph tells when it is over, so the first one may have begun before the first record of any kind.
    """
    missing = {one.name for one in query.parameters if one.default is None} - set(given)
    values: dict[str, object] = dict(given)
    if missing & {"since", "until"}:
        window = extent(store)
        [(run,)] = store.rows("select min(began_at) from executions")
        window["since"] = min(window["since"], run or window["since"])
        values |= {name: window[name] for name in missing & window.keys()}
    return values | {name: as_of(store) for name in missing & {"as_of", "at"}}
