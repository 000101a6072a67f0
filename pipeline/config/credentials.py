"""Takes this installation's own credentials out of whatever is shown: errors, pages, /healthz, status and logs.

Every error that a person can meet passes here when it is made (errors.py), and every line of the log (__main__.py).
"""

import logging
import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote

from pipeline.config.secrets import NAME, REMOVED, without_secrets

SHORTEST = 6
"Letters of a credential that is looked for: shorter ones would take words apart."
FOLDERS = ("PWD", "OLDPWD")
"Where a shell is, and was: named like a password, and part of most paths that a message has."
IN_ADDRESS = re.compile(r"://[^/\s:@]*:([^/\s]+)@|\bpassword\s*=\s*('(?:[^'\\]|\\.)*'|[^\s'&]+)", re.IGNORECASE)
"Passwords in an address: of a URL, or of libpq's words."


def without_credentials(text: str) -> str:
    """Returns the text without any credential of this installation, and without whatever else looks like a secret.

    >>> without_credentials("IO Error: postgresql://ada:wrong@db.example/lake refused")
    'IO Error: postgresql://ada:[removed]@db.example/lake refused'
    """
    for credential in credentials():
        text = text.replace(credential, REMOVED)
    return without_secrets(text)


def credentials() -> tuple[str, ...]:
    """Lists the credentials in the environment and in `.env`, however an address writes them, the longest first."""
    file = Path(".env")
    try:
        written = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        written = ""
    return credentials_in(tuple(sorted(os.environ.items())), written)


@lru_cache(maxsize=4)
def credentials_in(variables: tuple[tuple[str, str], ...], written: str) -> tuple[str, ...]:
    """Finds the values of variables that are named like a secret, and the passwords in addresses."""
    secret_name = re.compile(rf"(?i)(?:{NAME})$", re.ASCII)
    lines = (line.partition("=") for line in written.splitlines() if not line.lstrip().startswith("#"))
    pairs = [*variables, *((name.strip(), value.strip().strip("'\"")) for name, _, value in lines)]
    found = {value for name, value in pairs if secret_name.search(name) and name not in FOLDERS}
    for _, value in pairs:
        for of_url, of_words in IN_ADDRESS.findall(value):
            found.add(of_url or of_words.strip("'"))
    spelled = {form for value in found for form in (value, quote(value, safe=""), unquote(value))}
    return tuple(sorted((form for form in spelled if len(form) >= SHORTEST), key=lambda form: (-len(form), form)))


class Formatter(logging.Formatter):
    """Writes lines of the log without credentials."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a record, with the traceback that it may have."""
        return without_credentials(super().format(record))
