"""Removes secrets, by one list of regular expressions that SQL and Python both understand.

A secret is removed before anything touches the disk: from bodies, URLs, reasons, step details and rejects.
"""

import re

REMOVED = "[removed]"
WORDS = (
    "password|passwd|pwd|passphrase|secret|token|credentials?|authorization|api[_-]?key|(?:secret|private)[_-]?key"
    "|assertion|cookie"
)
KEY = rf"[a-z0-9_.:-]*(?:{WORDS})"
QUOTES = (
    ('"', r'(?:[^"\\]|\\.)*'),
    (r'\\+"', r'[^"\\]*'),
    (r"\\x22", r"(?:[^\\]|\\x[013-9a-f].|\\x2[013-9a-f])*"),
)
"A quote and what may stand inside it: in JSON, in JSON inside a text of JSON, and as nginx writes it."


def in_json(quote: str, inside: str) -> tuple[tuple[str, str], ...]:
    """Builds the patterns of JSON with such quotes: a revealing key, and a value beside a revealing name."""
    member = rf"{quote}\w+{quote}\s*:\s*(?:[\w.+-]+|{quote}{inside}{quote})\s*,\s*"
    word = rf"(?:{inside})(?:{WORDS})(?:{inside})"
    name = rf"{quote}(?:key|name|path|displayName|attribute){quote}\s*:\s*{quote}{word}{quote}"
    return (
        (rf"(?i)({quote}{KEY}{quote}\s*:\s*{quote}){inside}", rf"\1{REMOVED}"),
        (rf"(?i)({quote}{KEY}{quote}\s*:\s*)-?[0-9][0-9.e+-]*", r"\1null"),
        (rf"(?i)({name}\s*,\s*(?:{member}){{0,6}}{quote}(?:new)?value{quote}\s*:\s*{quote}){inside}", rf"\1{REMOVED}"),
        (rf"(?i)({name}\s*,\s*(?:{member}){{0,6}}{quote}oldValue{quote}\s*:\s*{quote}){inside}", rf"\1{REMOVED}"),
        (
            rf"(?i)({quote}value{quote}\s*:\s*{quote}){inside}({quote}\s*,\s*(?:{member}){{0,6}}{name})",
            rf"\1{REMOVED}\2",
        ),
    )


PATTERNS = (
    (
        r"(?i:\b(bearer|basic)\s+)(?:[A-Za-z.-]*[0-9_~+/=][\w.~+/=-]*|[A-Za-z]+\.[\w.~+/=-]{5,}"
        r"|[A-Za-z]+[A-Z][A-Za-z]{4,}|[A-Za-z]{16,})",
        rf"\1 {REMOVED}",
    ),
    (r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?", REMOVED),
    *(pattern for quote, inside in QUOTES for pattern in in_json(quote, inside)),
    (
        r"(?i)([?&](?:[a-z_-]*token|api[_-]?key|sig|signature|password|[a-z_-]*secret|code)=)[^&\s\"'\\]+",
        rf"\1{REMOVED}",
    ),
    (r"(?i)\b(authorization|x-api-key)\s*[:=]\s*(?:[a-z]+\s+)?[a-z0-9._~+/=-]{16,}", rf"\1: {REMOVED}"),
    (r"(?i)\b((?:set-)?cookie)\s*[:=]\s*[^\s=\"]+=[^\s\"\\]+", rf"\1: {REMOVED}"),
    (r"(://)[^/\s:@\"]+:[^/\s@\"]+@", rf"\1{REMOVED}@"),
)
"What is removed, in this order. A word behind Bearer that is only a word stays: `Bearer authentication failed`."
HINT = rf"(?i)bearer|basic\s|eyJ|{WORDS}|[?&](?:sig|signature|code)=|://[^/\s]+@"


def without_secrets(text: str) -> str:
    """Returns the text with every secret replaced.

    >>> without_secrets('GET /Users?token=abc HTTP/1.1 Authorization: Bearer abcdef123456')
    'GET /Users?token=[removed] HTTP/1.1 Authorization: Bearer [removed]'
    """
    for pattern, replacement in PATTERNS:
        text = re.sub(pattern, replacement, text)
    return text


def redacted(text: str) -> str:
    """Builds SQL that removes secrets from a text expression; costs one look where there are none."""
    return f"case when regexp_matches({text}, {literal(HINT)}) then {removed(text)} else {text} end"


def removed(text: str) -> str:
    """Builds SQL that removes secrets from a text expression, without the look beforehand.

    Nginx's escapes are undone before a text comes here; each pattern costs every statement its compilation.
    """
    for pattern, replacement in PATTERNS:
        if "x22" in pattern:
            continue
        text = f"regexp_replace({text}, {literal(pattern)}, {literal(replacement)}, 'g')"
    return text


def literal(text: str) -> str:
    """Writes a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
