"""What counts as a secret, once, for SQL and for Python: both speak these regular expressions alike.

A secret is removed before anything touches the disk: from bodies, URLs, reasons, step details and rejects.
"""

import re

REMOVED = "[removed]"
WORDS = "password|passwd|secret|token|authorization|api[_-]?key|apikey|assertion|cookie"
PATTERNS = (
    (r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}", rf"\1 {REMOVED}"),
    (r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?", REMOVED),
    (rf'(?i)(\\?"[a-z0-9_.:-]*(?:{WORDS})\\?"\s*:\s*\\?")[^"\\]*', rf"\1{REMOVED}"),
    (r"(?i)([?&](?:[a-z_]*token|api[_-]?key|sig|signature|password|secret|code|client_secret)=)[^&\s\"']+", rf"\1{REMOVED}"),
)
HINT = rf"(?i)bearer|basic\s|eyJ|{WORDS}|[?&](sig|signature|code)="


def without_secrets(text: str) -> str:
    """Gives the text with every secret replaced.

    >>> without_secrets('GET /Users?token=abc HTTP/1.1 Authorization: Bearer abcdef123456')
    'GET /Users?token=[removed] HTTP/1.1 Authorization: Bearer [removed]'
    """
    for pattern, replacement in PATTERNS:
        text = re.sub(pattern, replacement, text)
    return text


def redacted(text: str) -> str:
    """Gives SQL that removes secrets from a text expression; costs one look where there are none."""
    return f"case when regexp_matches({text}, {literal(HINT)}) then {removed(text)} else {text} end"


def removed(text: str) -> str:
    """Gives SQL that removes secrets from a text expression, without the look beforehand."""
    for pattern, replacement in PATTERNS:
        text = f"regexp_replace({text}, {literal(pattern)}, {literal(replacement)}, 'g')"
    return text


def literal(text: str) -> str:
    """Writes a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
