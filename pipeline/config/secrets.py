"""Removes secrets, by one list of names and shapes (secrets.toml) from which SQL and Python make the same expressions.

A secret is removed before anything touches the disk: from every text column and every reject. A text may be JSON, also
inside JSON, a form, a query, headers, XML or prose; what is not found is listed in docs/secrets.md.
"""

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

REMOVED = "[removed]"
LISTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
MASK = "\ue000"
"Stands in harmless names while secrets are looked for, so that no expression sees them."


def words(names: Iterable[str]) -> str:
    """Joins names to an alternation; a space in a name matches a space, an underscore, a dot, a hyphen or nothing."""
    return "|".join(name.replace(" ", "[ _.-]?") for name in names)


# Without look-around, since RE2 has none, and without anything that repeats at a beginning, which costs Python the
# square of a text's length.
PART = rf"(?:{words(LISTS['ends'])})s?|(?:\b|_)(?:{words(LISTS['whole'])})"
BEHIND = rf"[ _.-]?(?:{words(LISTS['behind'])})"
VERSION = r"(?::[0-9]+(?:\.[0-9]+)+)"
"The version with which a URN may end: `urn:example:password:2.0`."
NAME = rf"(?:{PART})(?:{BEHIND})?{VERSION}?"
ONE = rf"(?:(?:{words(LISTS['ends'])})|(?:\b|_)(?:{words(LISTS['whole'])}))"
"A name of one secret, which may be a number; `tokens` may be a count."
BYTE = r"(?:\\+x5c)*\\+x22|\\+u0022|%2[27]|&quot;|&apos;|&\#3[49];"
"A quote by its number: as nginx, .NET, a URL and HTML have it."
QUOTE = rf"""(?:\\*["']|{BYTE})"""
GAP = r"(?:\s|\\+[nrt]|%20|%0[ad]|\+)*"
"Space between tokens, also of JSON that stands in a text of JSON."
SPACE = r"(?:\s|\+|%20|%2B)"
BLANK = r"(?:\s|\\+[nrt])"
"Space in prose, also of prose that stands in JSON."
INSIDE = (
    ('"', r'(?:[^"\\]|\\.)'),
    (r"\\\"", r'(?:[^"\\]|\\[nrtbfu/]|\\\\(?:[^"\\]|\\"|\\\\))'),
    (r"\\{3}\"", r'(?:[^"\\]|\\\\[nrtbfu/]|\\{4}(?:[^"\\]|\\{3}"|\\{4}))'),
    (r"\\{7}\"", r'(?:[^"\\]|\\{4}[nrtbfu/]|\\{8}(?:[^"\\]|\\{7}"|\\{8}))'),
    (r"\\+\"", r'(?:[^"\\]|\\{16,}"?)'),
    (
        BYTE,
        r'(?:[^\\"%&]|\\+(?:x[013-9a-f].|x2[013-9a-f]|u[1-9a-f]|u00[013-9a-f]|u002[013-9a-f]|[^xu"\\])'
        r'|%[013-9a-f]|%2[013-9a-f]|%[^0-9a-f"]|&[^q\#"])',
    ),
    (r"\\*'", r"(?:[^'\\]|\\[^'])"),
)
"A quote and what may stand inside it: JSON, JSON in a text of JSON to the third time and beyond, bytes, one quote."
VALUE = "(?:" + "|".join(f"({quote}){inside}+" for quote, inside in INSIDE) + ")"
"A quoted value up to the quote that ends it; a group has the quote that begins it."
OPENED = "".join(rf"\{2 + place}" for place in range(len(INSIDE)))
LISTED = (
    "(?:" + "|".join(rf"({quote}){inside}+(?:{quote}{GAP},{GAP}{quote}{inside}*)+" for quote, inside in INSIDE) + ")"
)
"The same with the others of a list, which must have the same quotes: what is cut off inside a text ends with the text."
COOKIES = "|".join(
    rf"(cookies?{quote}{GAP}:{GAP}\{{{GAP})(?:[^{{}}\"\\]|\\+[nrt]|{quote}{inside}*(?:{quote})?)+"
    for quote, inside in INSIDE[:4]
)
"An object of cookies, whose names may be any."
STRING = "(?:" + "|".join(f"(?:{quote}){inside}*(?:{quote})" for quote, inside in INSIDE) + ")"
WHOLE = "(?:" + "|".join(f"({quote}){inside}+(?:{quote})" for quote, inside in INSIDE) + ")"
"A quoted value with the quote that ends it, which is the same."
SEPARATOR = rf"(?:{GAP}(?::=|=>|[:=]|%3A|%3D|%253D){GAP}|{SPACE}+(?:eq|ne|co|sw|ew|gt|ge|lt|le){SPACE}+)"
"Between a name and its value, in JSON, a form, an assignment or a SCIM filter."
NESTED = rf"(?:\[{GAP})?(?:\{{[^{{}}]*?{QUOTE}(?:{words(LISTS['values'])}){QUOTE}{GAP}:{GAP})?(?:\[{GAP})?"
"A value may be the first of a list, or stand in an object that has it as `value`."
BETWEEN = rf"(?:{GAP}(?:,|%2C){GAP}|\s+)"
MEMBER = rf"{QUOTE}?[\w.$-]+{QUOTE}?{GAP}[:=]{GAP}(?:[\w.+-]+|{STRING}){BETWEEN}"
NAMING = (
    rf"(?:{words(LISTS['names'])}){QUOTE}?{GAP}[:=]{GAP}{QUOTE}[\w .:$\[\]()-]*?{NAME}"
    rf"(?:\[[^\]]*\])?(?:\.\w+)?[\])]*{QUOTE}"
)
"A member whose value is the name of a secret."
VALUED = rf"(?:{words(LISTS['values'])})s?{QUOTE}?{GAP}[:=]{GAP}"
BEFORE_NAME = rf"[\s\]}}]*{BETWEEN}(?:{MEMBER}){{0,4}}?{QUOTE}?{NAMING}"
HEADER = rf"(?:{words(LISTS['headers'])})"
PLAIN = r"""(?:[^\s&;"'<>,\\]|,[^\s&;"'<>,\\])+"""
ENCODED = r"""(?:[^\s&;"'<>,\\%]|%[013-9a-f][0-9a-f]|%2[0-57-9a-f])+"""
MARKS = r"[\w.~+/=!\#$^*-]"
RANDOM = (
    rf"(?:[a-z]{MARKS}{{0,6}}?[0-9]{MARKS}{{5,}}|[0-9]{MARKS}{{0,6}}?[a-z]{MARKS}{{5,}}"
    rf"|[a-z]{MARKS}{{6,30}}?[0-9]{MARKS}{{8,}})"
)
"A word of letters and digits, as no language has it."
BEHIND_COLON = (
    rf"(?:[a-z]{MARKS}{{5,20}}?[0-9]{MARKS}*|[a-z]{MARKS}{{0,4}}?[0-9]{MARKS}{{3,}}"
    rf"|[0-9]{MARKS}{{0,4}}?[a-z]{MARKS}{{4,}})"
)
BARE = r"""[^\s"',;{}\[\]\\0-9ntf-][^\s"',;{}\[\]\\]*"""
"A word in broken JSON that is no number, null, true or false."
SEGMENT = r"(?:[a-z][\w~.+=]{0,14}?[0-9][\w~.+=]{8,}|[0-9][\w~.+=]{0,14}?[a-z][\w~.+=]{8,})"
"A part of a path of letters and digits, longer than the first part of a GUID, which is an id."
COLLECTION = r"(?:/|%2F)(?:v[0-9][\w.]*(?:/|%2F))?(?:users|groups|bulk|schemas|resourcetypes|serviceproviderconfigs?)\b"
OF_CASES = r"(?:[a-z][A-Z]|[A-Z][a-z])"
UNNAMED_SEGMENT = (
    rf"(?:[0-9a-f]{{33,}}|(?-i:[\w~=]{{0,16}}?[a-zA-Z][0-9][\w~=]{{0,20}}?{OF_CASES}[\w~=]{{8,}}"
    rf"|[\w~=]{{0,16}}?{OF_CASES}[\w~=]{{0,20}}?[0-9][\w~=]{{8,}}))"
)
"""A part of a path before a SCIM collection that is no word, no GUID and no version: some servers take the token there.
A slug or an id with hyphens is left."""
CASES = r"(?-i:[\w.~+/-]*[a-z][A-Z][a-z][A-Z][\w.~+/=-]*)"
OF_SCHEME = (
    rf"(?:{CASES}|[a-z][\w.~+/-]{{0,14}}?[0-9][\w.~+/=-]{{4,}}"
    r"|[0-9][0-9._-]{0,14}?[a-z][\w.~+/=-]{4,}|[0-9]{12,})"
)
BASIC = (
    r"(?-i:(?:[I-Za-f][C-HS-Xi-nyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/]){2,}"
    r"(?:[I-Za-f][AQgw]==|[I-Za-f][C-HS-Xi-nyz0-3][AEIMQUYcgkosw048]=|\b))"
)
"Base64 of text, whose letters are not any: no word is."
LONG = r"[a-z][\w.~+/-]{0,30}?[0-9][\w.~+/=-]{12,}"
COOKIE = r"""[\w.!\#$%^*-]+=[^\s;"\\]+(?:;\s*[\w.!\#$%^*-]+=[^\s;"\\]+)*"""
KEY_TEXT = r"(?:[A-Za-z0-9+/=\s:,-]|\\+[nr]|%0[AaDd]|%2[BbFf]|%3[Dd])"
PEM = (
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    rf"(?:{KEY_TEXT}*?-----END [A-Z0-9 ]*-----|{KEY_TEXT}*)"
)
ASSIGNED = (
    rf"((?:{ONE}(?:{BEHIND})?|\b(?:{words(LISTS['parameters'])}))\s*(?::=|=>|=)\s*){PLAIN}",
    rf"((?:{NAME}|\b(?:{words(LISTS['parameters'])}))(?:%3D|%253D)){ENCODED}",
    rf"(\b(?:set-)?cookie\s*[:=]{SPACE}*){COOKIE}",
    rf"((?:[?&]|%3F|%26)code(?:=|%3D)){RANDOM}",
    rf"({NAME}{QUOTE}{GAP}:{GAP}){BARE}",
    rf"((?:\s-u|--user)[\s=]+\\*[\"']?[^\s:\"']+:){PLAIN}",
    rf"(--[\w-]{0, 60}{NAME}\s+)[^\s\"'\\-][^\s\"'\\]*",
    rf"({NAME}{BLANK}*:?{BLANK}+[\w.@+-]{{1,64}}{BLANK}+/{BLANK}+){RANDOM}",
)
"What follows an equals sign, a colon in broken JSON, or a user; SQL knows nine groups of a pattern."
SPOKEN = (
    rf"(\b{HEADER}\s*[:=]{SPACE}*(?:{words(LISTS['schemes'])}){SPACE}+)(?:[\w.~+/=:-]{{16,}}|{OF_SCHEME}|{BEHIND_COLON})",
    rf"(\bbearer(?::|{SPACE})+){OF_SCHEME}",
    rf"(\bbasic{SPACE}+)(?:{BASIC}|{LONG})",
    rf"(\bdigest{SPACE}+(?:username|realm|nonce|uri|qop|algorithm|opaque)=[^\n]*?response=\\*\"?)[\w+/=-]+",
    rf"({NAME}{BLANK}*::?{BLANK}*){BEHIND_COLON}",
    rf"({NAME}(?:{BLANK}+(?:is|was|of|value|used|sent|given|provided|supplied))?"
    rf"""(?:{BLANK}*(?:->|[:|]){BLANK}*|{BLANK}+)(?:\\*["'(\[“„‘‚«]|\\+u(?:20|00)[0-9a-f]{{2}})?){RANDOM}""",
    rf"""(\bvalue\s+\\*["'“‘])[^"'\\”’]+(\\*["'”’][^"'.;]{{0,40}}?\s(?:for|of)(?:\s+(?:the|attribute|field|property))*"""
    rf"\s+\\*[\"'“‘]?{NAME})",
)
"What follows the name of a scheme, or a name in a sentence: there a word must look like a secret."
ELEMENT = r'(?:[^<"\\]|\\+[^\\])+'
"What an element holds; not beyond the end of the text that it stands in, which a quote ends."
MARKED_UP = (
    rf"(<[\w.:-]*{NAME}(?:\s[^<>]*)?>){ELEMENT}",
    rf"(&lt;[\w.:-]*{NAME}&gt;)[^&\"\\]+",
    rf"(\\u003c[\w.:-]*{NAME}\\+u003e)[^\\\"]+",
    rf"((?:/|%2F){ONE}(?:/|%2F)){SEGMENT}",
    rf"(\bname={QUOTE}[\w.-]*?{NAME}{QUOTE}(?:;[^\r\n\\]*)?(?:(?:\r|\\+r)?(?:\n|\\+n)){{2}})[^\r\n\\\"]+",
    rf"(<[^<>]*\bname={QUOTE}[\w.-]*?{NAME}{QUOTE}[^<>]*>){ELEMENT}(</)",
    r"((?::|%3A)(?:/|%2F){2}[^/\s:@\"%]*(?::|%3A))[^/\s@\"]+?(@|%40)",
)
"Elements, the parts of a form, of a path behind its name, and who an address names before its host."


def any_of(patterns: tuple[str, ...]) -> tuple[str, str]:
    """Joins patterns that keep what their groups have, the first group before the secret and a second behind it."""
    before, behind, place = "", "", 0
    for pattern in patterns:
        groups = re.compile(pattern).groups
        before += rf"\{place + 1}"
        behind += rf"\{place + 2}" if groups == 2 else ""
        place += groups
    return rf"(?i)(?:{'|'.join(patterns)})", before + REMOVED + behind


PATTERNS = (
    (rf"(?i)({words(LISTS['harmless'])})", rf"\1{MASK}"),
    (
        rf"(?i)({NAME}{QUOTE}{GAP}[:=]{GAP}\[{GAP}){LISTED}",
        rf"\1{OPENED}{REMOVED}",
    ),
    (
        rf"(?i)({VALUED}{NESTED}){WHOLE}({BEFORE_NAME})",
        rf"\1{OPENED}{REMOVED}{OPENED}\9",
    ),
    (
        rf"(?i)({VALUED}{NESTED}{QUOTE}\[removed\]{QUOTE}{BETWEEN}(?:{MEMBER}){{0,4}}?{QUOTE}?{VALUED}{NESTED}){WHOLE}"
        rf"({BEFORE_NAME})",
        rf"\1{OPENED}{REMOVED}{OPENED}\9",
    ),
    (rf"(?i)({NAMING}{BETWEEN}(?:{MEMBER}){{0,6}}?{QUOTE}?{VALUED}{NESTED}){VALUE}", rf"\1{OPENED}{REMOVED}"),
    (rf"(?i)({NAMING}{BETWEEN}(?:{MEMBER}){{0,6}}{QUOTE}?{VALUED}{NESTED}){VALUE}", rf"\1{OPENED}{REMOVED}"),
    (rf"(?i)({NAME}{QUOTE}?{SEPARATOR}{NESTED}){VALUE}", rf"\1{OPENED}{REMOVED}"),
    (rf"(?i)({ONE}{QUOTE}{GAP}:{GAP})-?[0-9][0-9.e+-]*", r"\1null"),
    (
        rf"(?i)((?:\b{HEADER}|[\[,]{GAP}[\[(]{GAP}{QUOTE}[\w.-]*{NAME}){QUOTE}{GAP},{GAP}){VALUE}",
        rf"\1{OPENED}{REMOVED}",
    ),
    (f"(?i)(?:{COOKIES})", r"\1\2\3\4"),
    (rf"(?i)((?:/|%2F)){UNNAMED_SEGMENT}({COLLECTION})", rf"\1{REMOVED}\2"),
    any_of(ASSIGNED),
    any_of(SPOKEN),
    any_of(MARKED_UP),
    (f"(?:{PEM}|{'|'.join(LISTS['shapes'].values())})", REMOVED),
    (MASK, ""),
)
"What is removed, in this order."
HINT = (
    rf"(?i){words(LISTS['ends'])}|(?:\b|_)(?:{words(LISTS['whole'])}|{words(LISTS['parameters'])})(?:[\W_]|[0-9])"
    rf"|{words(LISTS['headers'])}|\bbearer|\bbasic(?:\s|\+|%)|digest|\s-u|--user|[?&]code=|code%3d|%3fcode|(?::|%3a)(?:/|%2f){{2}}[^/\s]*(?:@|%40)"
    rf"|(?:/|%2f)[\w~=]{{18,}}{COLLECTION}|PRIVATE KEY|(?-i:{'|'.join(LISTS['shapes'].values())})"
)
"Sees whatever a pattern would remove, and little else: a row that it does not match costs this one look."


@lru_cache
def compiled() -> tuple[re.Pattern[str], tuple[tuple[re.Pattern[str], str], ...]]:
    """Compiles the hint and the patterns for Python, which takes 0.07 s."""
    return re.compile(HINT, re.ASCII), tuple((re.compile(pattern, re.ASCII), new) for pattern, new in PATTERNS)


def without_secrets(text: str) -> str:
    """Returns the text with every secret replaced.

    >>> without_secrets('GET /Users?token=abc HTTP/1.1 Authorization: Bearer abcdef123456')
    'GET /Users?token=[removed] HTTP/1.1 Authorization: Bearer [removed]'
    """
    hint, patterns = compiled()
    if hint.search(text):
        for pattern, replacement in patterns:
            text = pattern.sub(replacement, text)
    return PATH_PART.sub(lambda part: f"/{REMOVED}" if is_path_token(part[1]) else part[0], text)


PATH_PART = re.compile(rf"(?i)/([\w~.=-]{{20,}})(?={COLLECTION})", re.ASCII)
"What stands before a SCIM collection in a path: a tenant, a directory, or a token."
NO_TOKEN = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$|[0-9a-fA-F]{32}$"
    r"|[0-9a-f]{24}$|[0-9A-HJKMNP-TV-Z]{26}$"
    r"|(?:con|conn|org|dir|directory|ws|team|acct|tenant)_"
)


def is_path_token(part: str) -> bool:
    """Whether a part of a path is random, and neither a GUID, a MongoDB id or a ULID nor the id of what it names.

    >>> is_path_token("k3j9x0q2m4n8b7v6c5z1a2s3d4f5"), is_path_token("contoso-production-2026-eu")
    (True, False)
    """
    if NO_TOKEN.match(part):
        return False
    digits = sum(letter.isdigit() for letter in part)
    of_cases = any(map(str.islower, part)) and any(map(str.isupper, part)) and digits > 0
    plain = part.isascii() and part.isalnum() and len(part) >= 24 and digits > 3
    return of_cases or plain or re.search("[0-9a-fA-F]{33}", part) is not None


def bytes_without_secrets(raw: bytes) -> bytes:
    r"""Returns a log's bytes with every secret replaced; bytes that are not text survive.

    Letters that are written as numbers are undone where a secret shows only then.

    >>> bytes_without_secrets(rb'"{\x22note\x22: \x22Bearer abcdef123456\x22}" \xff')
    b'"{"note": "Bearer [removed]"}" \\xff'
    >>> bytes_without_secrets(b"?p%61ss=ab"), bytes_without_secrets(b"?p%61ge=ab")
    (b'?pass=[removed]', b'?p%61ge=ab')
    """
    text = without_secrets(raw.decode("utf-8", "surrogateescape"))
    for number in NUMBERS:
        plain = number.sub(lambda match: chr(int(match[1], 16)), text)
        if plain != text and (cleaned := without_secrets(plain)) != plain:
            text = cleaned
    return text.encode("utf-8", "surrogateescape")


NUMBERS = tuple(re.compile(f"(?i){mark}([2-7][0-9a-f])") for mark in (r"\\x", "%", r"\\u00"))
"A printable letter as nginx, a URL and JSON may write it."


def redacted(text: str) -> str:
    """Builds SQL that removes secrets from a text expression; costs one look where there are none."""
    return f"case when regexp_matches({text}, {literal(HINT)}) then {removed(text)} else {text} end"


def removed(text: str) -> str:
    """Builds SQL that removes secrets from a text expression, without the look beforehand."""
    for pattern, replacement in PATTERNS:
        text = f"regexp_replace({text}, {literal(pattern)}, {literal(replacement)}, 'g')"
    return text


def literal(text: str) -> str:
    """Writes a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
