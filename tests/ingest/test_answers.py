"""What an app answered, as Entra quotes it in two ways: its status and its words, never headers or boilerplate."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.lake import Store
from tests.support.loads import load_one, rows
from tests.support.shapes import failed, lines

DETAIL = 'Attribute "mail" is taken, or é is'
SCHEMAS = ["urn:ietf:params:scim:api:messages:2.0:Error"]
RETRIED = (
    "",
    ". This operation was retried 3 times. It will be retried again after this date: 2026-03-02T08:40:00.0000000Z UTC",
)
BODIES: dict[str, tuple[str, str | None]] = {
    "text": (json.dumps({"schemas": SCHEMAS, "detail": DETAIL, "status": "400"}), DETAIL),
    "capital": (json.dumps({"Detail": DETAIL, "Status": 400}), DETAIL),
    "object": (
        json.dumps({"schemas": SCHEMAS, "detail": {"Operations": {"op": ['"add" is no choice'], "value": ["x", "y"]}}}),
        'Operations: op: "add" is no choice, value: x, y',
    ),
    "list": (
        json.dumps({"detail": ["no mail", {"field": "name", "why": "empty"}]}),
        "no mail, field: name, why: empty",
    ),
    "scim 1.1": (
        json.dumps({"Errors": [{"description": "no mail", "code": "400"}]}),
        "description: no mail, code: 400",
    ),
    "oauth": (json.dumps({"error": "invalid_token", "error_description": "The token is gone"}), "The token is gone"),
    "inner": (json.dumps({"error": {"code": 17, "message": "no mail"}}), "code: 17, message: no mail"),
    "other": (json.dumps({"schemas": SCHEMAS, "status": "400", "hint": "no mail"}), "hint: no mail"),
    "empty detail": (json.dumps({"detail": "", "message": "no mail"}), "no mail"),
    "bare list": (json.dumps(["no mail", "no name"]), "no mail, no name"),
    "cut off": ('{"schemas": ["urn"], "detail": "no \\"mail\\"", "meta": {"loc', 'no "mail"'),
    "page": (
        "<!DOCTYPE html><html><head><title>Attention  Required!\n| Cloudflare</title></head><body>Sorry</body></html>",
        "an HTML page: Attention Required! | Cloudflare",
    ),
    "heading": ("<html><body><center><h1>502 Bad Gateway</h1></center></body></html>", "an HTML page: 502 Bad Gateway"),
    "page without a title": (
        "<html><style>p{}</style><body><p>Go <b>away</b></p></body></html>",
        "an HTML page: Go away",
    ),
    "taken out": ("[RedactedHtmlContent]", "an HTML page ([RedactedHtmlContent])"),
    "words": ("upstream connect error", "upstream connect error"),
    "xml": ("<fault><faultstring>no mail</faultstring></fault>", "no mail"),
    "nothing": ("", None),
    "own words": ("An error occurred while sending the request. Please check the service and try again.", None),
}


def in_web_response(word: str, body: str, retried: str) -> str:
    """The answer as Entra has quoted it for years."""
    return (
        f"StatusCode: {word}\r\nMessage: Processing of the HTTP request resulted in an exception. Please see the HTTP "
        "response returned by the 'Response' property of this exception for details.\r\nWeb Response: \r\n"
        f"{body}{retried}"
    )


def from_web_resource(word: str, body: str, retried: str) -> str:
    """The answer as Entra quotes it since 2026."""
    return (
        'Received response from Web resource. Resource: https://scim.example/Users?filter=id+eq+"x" Operation: GET '
        f"Response Status Code: {word} Response Headers: Connection: keep-alive Server: nginx/1.27.1 X-Status: 204 "
        f"Response Content: '{body}'{retried}"
    )


def unquoted(word: str, body: str, retried: str) -> str:
    """The same without quotes, behind a sentence."""
    told = from_web_resource(word, body, retried).replace(f"'{body}'", body)
    return f"We received this unexpected response from your application: {told}"


STATUSES = {"BadRequest": 400, "Unauthorized": 401, "404": 404, "InternalServerError": 500, "BadGateway": 502}
STATUSES |= {"429": 429, "Conflict": 409, "UnprocessableEntity": 422, "UnsupportedMediaType": 415, "Gone": 410}


def told_of(store: Store, folder: Path, reasons: list[str]) -> list[dict[str, Any]]:
    """What the store has of failures with these reasons, in their order."""
    load_one(store, folder, lines([failed(f"who{at:03}", at, reason) for at, reason in enumerate(reasons)]))
    return rows(store, "select http_status, scim_detail, retry_count from events order by occurred_at")


def test_status_and_words_are_read_whatever_the_answer_and_the_way_of_quoting(store: Store, tmp_path: Path) -> None:
    ways = (in_web_response, from_web_resource, unquoted)
    asked = [
        (way.__name__, name, list(STATUSES)[(at + place) % len(STATUSES)], again)
        for place, name in enumerate(BODIES)
        for at, way in enumerate(ways)
        for again in RETRIED
    ]
    makers = {way.__name__: way for way in ways}
    found = told_of(
        store, tmp_path / "in", [makers[way](word, BODIES[name][0], again) for way, name, word, again in asked]
    )
    wrong = {
        case: (row["http_status"], row["scim_detail"])
        for case, row in zip(asked, found, strict=True)
        if (row["http_status"], row["scim_detail"], row["retry_count"])
        != (STATUSES[case[2]], BODIES[case[1]][1], 3 if case[3] else None)
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "reason, status",
    [
        ("An HTTP/404 Not Found response was returned rather than the expected HTTP/200 OK response.", 404),
        ("The remote server returned status code 503", 503),
        ("StatusCode: 200", 200),
        ('{"status": "409"}', 409),
        ("Policy permitting auto-redemption of invitations not configured.", None),
        ("waited 500 seconds", None),
    ],
)
def test_a_status_is_read_out_of_other_sentences(reason: str, status: int | None, store: Store, tmp_path: Path) -> None:
    assert [row["http_status"] for row in told_of(store, tmp_path / "in", [reason])] == [status]


def test_no_issue_is_called_by_headers_or_by_sentences_that_stand_in_every_reason(store: Store, tmp_path: Path) -> None:
    told_of(store, tmp_path / "in", [in_web_response("BadRequest", "", ""), from_web_resource("NotFound", "", "")])
    details = [row["detail"] for row in rows(store, "select detail from problems order by occurred_at")]
    assert details == ["StatusCode: BadRequest", "Status code: NotFound"]
