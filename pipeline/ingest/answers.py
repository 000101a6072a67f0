"""What an app answered, as Entra quotes it inside the reason of a failure.

Entra does so in two ways: `StatusCode: … Message: … Web Response: …`, and `Received response from Web resource. …
Response Status Code: … Response Headers: … Response Content: '…'`. The answer itself may be SCIM, other JSON, a page of
HTML or plain text. Headers, and sentences that Entra's own client writes in place of an answer, say nothing of the
cause.
"""

import json
import re
from http import HTTPStatus

from pipeline.config.secrets import literal

DOTNET_NAMES = {
    "Ambiguous": 300,
    "Moved": 301,
    "Redirect": 302,
    "RedirectMethod": 303,
    "RedirectKeepVerb": 307,
    "Unused": 306,
    "RequestEntityTooLarge": 413,
    "RequestUriTooLong": 414,
    "RequestedRangeNotSatisfiable": 416,
    "UnprocessableEntity": 422,
    "HttpVersionNotSupported": 505,
}
"Names of .NET's HttpStatusCode that differ from the standard's."
STATUS_NAMES = {re.sub(r"[^A-Za-z]", "", status.phrase): status.value for status in HTTPStatus} | DOTNET_NAMES
STATUS_NUMBERS = json.dumps({name.lower(): number for name, number in STATUS_NAMES.items()}, separators=(",", ":"))
STATUS = r"(?i)status\s?code\s*[:=]?\s*"
RETRIED = r"(?is)\.?\s*This operation was retried \d+ times?.*$"
EMPTY = "''"
EMPTY_JSON = "('null', '\"\"', '{}', '[]')"
OWN_WORDS = (
    r"(?i)^\W*(an error occurred while sending the request|processing of the http request resulted|one or more errors)"
)
"What Entra's client writes where there are no words of the app's."
HTML = r"(?is)^\s*(<!doctype html|<html|<head|<body|<h[1-6]\b|<title)"
WORDS_AT = (
    "detail", "Detail", "details", "message", "Message", "error_description", "errorMessage", "errors", "Errors",
    "error", "Error", "title", "description", "msg", "reason", "fault",
)  # fmt: skip
"Members of an answer that say what was wrong, the best first."
NO_WORDS = '{"schemas":null,"status":null,"scimType":null,"statusCode":null,"meta":null}'
LONGEST = 500


def http_number(reason: str) -> str:
    """Builds SQL for the HTTP status that a reason states, as a name, a number or inside the SCIM error."""
    # One text of all names is planned five times as fast as a case of them.
    name = f"lower(nullif(regexp_extract({reason}, '{STATUS}([A-Za-z]+)', 1), ''))"
    pattern = rf'(?i)(?:{STATUS}|\bHTTP[/ ](?:\d\.\d\s+)?|"(?:status|statusCode)"\s*:\s*"?)([1-5]\d\d)\b'
    number = f"nullif(regexp_extract({reason}, '{pattern}', 1), '')"
    return f"try_cast(coalesce(json_extract_string('{STATUS_NUMBERS}', {name}), {number}) as integer)"


def answer_text(reason: str) -> str:
    """Builds SQL for an app's answer within a reason, whatever it is; null where none is quoted."""
    quoted = f"regexp_extract({reason}, '(?is)(?:Web Response|Response Content):\\s*(.*)$', 1)"
    bare = f"trim(regexp_replace({quoted}, '{RETRIED}', ''), e' \\t\\r\\n')"
    unquoted = f"regexp_replace({bare}, '(?s)^''(.*)''\\.?$', '\\1')"
    return f"nullif(trim(regexp_replace({unquoted}, '([}}\\]>])\\.$', '\\1'), e' \\t\\r\\n'), '')"


def answer_words(answer: str) -> str:
    """Builds SQL for the words of an app's answer; null where it has none."""
    title = f"regexp_extract({answer}, '(?is)<(?:title|h1)[^>]*>\\s*(.*?)\\s*</', 1)"
    text = f"regexp_replace({answer}, '(?is)<(script|style)\\b.*?</(script|style)>|<[^>]*>', ' ', 'g')"
    page = f"'an HTML page: ' || {shortened(f'coalesce(nullif({title}, {EMPTY}), {text})')}"
    return f"""case
        when {answer} is null or regexp_matches({answer}, '{OWN_WORDS}') then null
        when {answer} ilike '%RedactedHtmlContent%' then 'an HTML page ([RedactedHtmlContent])'
        when regexp_matches({answer}, '{HTML}') then {page}
        when {answer} ^@ '<' then {shortened(text)}
        when json_valid({answer}) then {json_words(f"{answer}::json")}
        when {answer} ^@ '{{' or {answer} ^@ '[' then coalesce({cut_detail(answer)}, {shortened(flat(answer))})
        else {shortened(answer)}
    end"""


def json_words(value: str) -> str:
    """Builds SQL for the words of JSON: of the member that says what was wrong, or of all of it."""
    paths = ", ".join(literal(f"$.{name}") for name in WORDS_AT)
    told = (
        f"list_filter(json_extract({value}, [{paths}]), lambda x: x is not null and x::varchar not in {EMPTY_JSON})[1]"
    )
    rest = f"json_merge_patch({value}, {literal(NO_WORDS)})"
    one = f"coalesce({told}, case when json_type({value}) = 'OBJECT' then {rest} else {value} end)"
    return f"""list_transform([{one}], lambda w: case when json_type(w) = 'VARCHAR' then w->>'$'
            else {shortened(flat("w::varchar"))} end)[1]"""


def flat(json: str) -> str:
    """Builds SQL for the text of JSON without its brackets and quotes, as its members' names and values.

    A broken text gives what there is of it.
    """
    kept = f"replace({json}, '\\\"', chr(1))"
    spaced = f"""replace(replace(replace({kept}, '":', '": '), ',"', ', "'), ',{{', ', {{')"""
    bare = f"regexp_replace({spaced}, '[\"{{}}\\[\\]]', '', 'g')"
    return f"replace(replace(replace({bare}, chr(1), '\"'), '\\r', ' '), '\\n', ' ')"


def cut_detail(answer: str) -> str:
    """Builds SQL for the detail of a SCIM error that is cut off behind it."""
    found = f"""nullif(regexp_extract({answer}, '"detail"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"', 1), '')"""
    return f"coalesce(try_cast('\"' || {found} || '\"' as json)->>'$', {found})"


def shortened(text: str) -> str:
    """Builds SQL for a text on one line, of which the beginning is kept."""
    return f"nullif(trim(regexp_replace({text}, '\\s+', ' ', 'g'))[:{LONGEST}], '')"
