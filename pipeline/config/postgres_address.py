"""The address of a PostgreSQL catalog, in either of libpq's spellings, and its password apart from it.

DuckDB prints an address in its errors and its list of databases, so the password never stands in one.
"""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

PAIR = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)", re.DOTALL)
SECRET = re.compile(r"pass(word|wd|phrase)|secret|token")
EXPECTED = "give host=… dbname=… user=…, or postgresql://USER@HOST/DATABASE"
HIDDEN = (
    (re.compile(r"(?is)((?:pass(?:word|wd|phrase)|secret|token)\w*\s*=\s*).*"), r"\1***"),
    (re.compile(r"(://[^/\s:@]*):.*@"), r"\1:***@"),
)


def without_password(text: str) -> str:
    """Hides what may be a password in an address that cannot be read.

    >>> without_password("postgres://ada:in/vented@db.example/lake?sslpassword=invented")
    'postgres://ada:***@db.example/lake?sslpassword=***'
    """
    for pattern, hidden in HIDDEN:
        text = pattern.sub(hidden, text)
    return text


def split_password(address: str) -> tuple[str, str | None]:
    """Returns an address as key=value pairs without its password, and the password; raises ValueError.

    >>> split_password("postgresql://ada:in%20vented@db.example:5433/lake?sslmode=require")
    ('host=db.example port=5433 user=ada dbname=lake sslmode=require', 'in vented')
    """
    values = of_url(address) if re.match(r"postgres(ql)?://", address) else of_pairs(address)
    password = values.pop("password", None)
    if other := next((key for key in values if SECRET.search(key)), None):
        raise ValueError(f"{other} cannot be given here, since an address is shown in messages; leave it out")
    return " ".join(f"{key}={quoted_value(value)}" for key, value in values.items()), password


def with_options(address: str, server: str, **client: str) -> str:
    """Adds options of the server to an address, and those of the client that it does not set itself."""
    values = client | of_pairs(address)
    values["options"] = f"{values.get('options', '')} {server}".strip()
    return " ".join(f"{key}={quoted_value(value)}" for key, value in values.items())


def of_pairs(address: str) -> dict[str, str]:
    """Reads key=value pairs; raises ValueError without repeating what it read."""
    values, at, text = dict[str, str](), 0, address.strip()
    while at < len(text):
        match = PAIR.match(text, at)
        if match is None:
            raise ValueError(EXPECTED)
        values[match["key"]] = re.sub(r"\\(.)", r"\1", match["value"].removeprefix("'").removesuffix("'"), flags=re.S)
        at = match.end()
    return values


def of_url(address: str) -> dict[str, str]:
    """Reads a URL, which may name several hosts."""
    parts = urlsplit(address)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    places = [re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", host) for host in hosts.split(",")]
    if not all(places):
        raise ValueError(EXPECTED)
    found = {
        "host": ",".join(place[1].strip("[]") for place in places if place),
        "port": ",".join(place[2] or "" for place in places if place).strip(","),
        "user": user,
        "password": password,
        "dbname": parts.path.removeprefix("/"),
    }
    return {key: unquote(value) for key, value in found.items() if value} | dict(parse_qsl(parts.query))


def quoted_value(value: str) -> str:
    r"""Spells a value as libpq reads it.

    >>> print(quoted_value("it's"), quoted_value("lake"))
    'it\'s' lake
    """
    if re.fullmatch(r"[^\s'\\]+", value):
        return value
    escaped = re.sub(r"(['\\])", r"\\\1", value)
    return f"'{escaped}'"
