"""Every form of a secret by every route into one lake: none is stored in any table, and nothing harmless goes."""

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from pipeline.config.secrets import HINT, redacted, without_secrets
from pipeline.config.settings import Settings
from pipeline.store.lake import Store, open_store
from tests.support.lakes import copied
from tests.support.loads import load, rows
from tests.support.planted import HARMLESS, LEFT, forms
from tests.support.shapes import analytics, diagnostic, dumped, failed, lines, rows_csv, step

FORMS = forms()
TEXTS = {f"planted {name}": text for name, text in FORMS.items()} | {
    f"harmless {number}": text for number, text in enumerate(HARMLESS)
}


def parsed(text: str) -> Any:
    """Returns the object that a text is, or one around the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return {"note": text}
    return value if isinstance(value, dict) else {"note": value}


def events() -> list[dict[str, Any]]:
    """A failure for each text, with it wherever an event has a text."""
    made = []
    for minute, (name, text) in enumerate(TEXTS.items()):
        steps = [
            step("EntryExportAdd", "export", text, "failure", {"note": text}),
            step("EntryExportAdd", "export", "Web Response: " + text, "failure", parsed(text)),
        ]
        told = failed(name, minute, text, provisioningSteps=steps)
        told["provisioningStatusInfo"]["errorInformation"]["recommendedAction"] = f"Web Response: {text}"
        told["modifiedProperties"] = [{"displayName": "note", "oldValue": text, "newValue": f"({text})"}]
        told["sourceIdentity"] = told["sourceIdentity"] | {"id": name, "displayName": text}
        made.append(told)
    return made


def requests() -> list[dict[str, Any]]:
    """A request for each text, with it in bodies and answers, as a text and as what it is."""
    return [
        {
            "time": "2026-01-05T12:00:00Z",
            "method": "PATCH",
            "path": f"/Users/{number}",
            "status": 400,
            "request_id": f"{name} {kind}",
            "request_body": text if kind == "text" else parsed(text),
            "response_body": {"detail": text, "all": [text]} if kind == "text" else f"<p>{text}</p>",
        }
        for number, (name, text) in enumerate(TEXTS.items())
        for kind in ("text", "object")
    ]


def access_lines() -> bytes:
    """Combined lines with each planted text behind the request, in its query and in a body, and broken lines."""
    begins = '10.0.0.1 - - [05/Jan/2026:12:00:00 +0000] "'
    made = []
    for number, text in enumerate(FORMS.values()):
        flat = text.replace("\r", "\\r").replace("\n", "\\n")
        body = json.dumps({"note": flat}).replace("\\", "\\x5C").replace('"', "\\x22")
        # A server writes no bare quote inside quotes.
        made += [f'{begins}POST /Users/{number} HTTP/1.1" 201 17 "-" "{flat}"'] if '"' not in flat else []
        made += [
            f'{begins}POST /Users/{number} HTTP/1.1" 400 17 "-" "-" "{body}"',
            f'broken {begins}POST /Users "{flat}',
        ]
    return "\n".join((*made, "")).encode()


def jobs() -> list[dict[str, Any]]:
    """A job in quarantine for each text."""
    return [
        {
            "id": name,
            "templateId": "scim",
            "schedule": {"interval": "PT40M"},
            "status": {"code": "Quarantine", "quarantine": {"error": {"code": "x", "message": text}}},
        }
        for name, text in TEXTS.items()
    ]


@pytest.fixture(scope="module", params=[4, pytest.param(1, marks=pytest.mark.deep)], ids=["some", "every"])
def planted(
    request: pytest.FixtureRequest, blank: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A lake with the texts by all routes, good lines and rejects: every text by each, or every fourth, in turn."""
    nth = request.param
    folder = tmp_path_factory.mktemp("planted")
    settings = Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/catalog.sqlite")
    copied(blank, settings)
    store = open_store(settings)
    told, asked = events(), requests()
    spoilt = [one | {"id": ""} for one in told]
    files = {
        "graph": lines(told) + lines(spoilt[::nth]),
        "diagnostic": lines([diagnostic(one | {"jobId": "d"}) for one in told[1 % nth :: nth]]),
        "analytics.csv": rows_csv(
            [analytics(one | {"jobId": "l"}) for one in told[2 % nth :: nth]]
            + [analytics(one) | {"Id": ""} for one in told[3 % nth :: nth]]
        ),
        "scim": lines(asked) + lines([one | {"time": "?"} for one in asked[:: nth + 1 if nth > 1 else 1]]),
        "access": access_lines(),
        "jobs": lines(jobs()),
        "iis": b"#Fields: date time cs-method cs-uri-stem cs-uri-query sc-status\n"
        + b"".join(f"2026-01-05 99:00:00 GET /scim/Users {text}\n".encode() for text in FORMS.values()),
        **{f"unknown/{number}": f"of no shape\n{text}".encode() for number, text in enumerate(FORMS.values())},
    }
    found = load(store, folder / "in", files)
    assert [name for name in ("graph", "analytics.csv", "scim", "access") if not found[name].rejects] == []
    assert found["graph"].kept == len(TEXTS) and found["diagnostic"].kept == len(told[1 % nth :: nth])
    assert found["scim"].kept == 2 * len(TEXTS) and found["access"].kept > len(FORMS)
    yield store
    store.close()


def leaks(text: str) -> list[str]:
    """Returns what is left of any secret."""
    return [word for word in LEFT if word in text]


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(FORMS) >= 150 and len(set(HARMLESS)) >= 60
    assert [name for name, text in FORMS.items() if not leaks(text)] == []


def test_a_planted_secret_is_removed_and_what_was_cleaned_stays() -> None:
    cleaned = {name: without_secrets(text) for name, text in FORMS.items()}
    assert [name for name, text in FORMS.items() if not re.search(HINT, text, re.ASCII)] == []
    assert {name: text for name, text in cleaned.items() if leaks(text) or without_secrets(text) != text} == {}


def test_what_only_looks_like_a_secret_stays() -> None:
    assert [(text, cleaned) for text in HARMLESS if (cleaned := without_secrets(text)) != text] == []


def test_sql_and_python_remove_the_same_and_what_was_json_stays_json() -> None:
    texts = [*FORMS.values(), *HARMLESS, *map(dumped, FORMS.values()), *(dumped({"a": one}) for one in FORMS.values())]
    texts += [dumped({"b": dumped({"a": one, "c": "d"}), "password": 1}) for one in FORMS.values()]
    query = f"select {redacted('t')} from (select unnest(?) as t)"
    assert [one for (one,) in duckdb.execute(query, [texts]).fetchall()] == [without_secrets(text) for text in texts]
    for text in texts:
        if duckdb.execute("select json_valid(?)", [text]).fetchone() == (True,):
            json.loads(without_secrets(text))


def test_no_table_holds_any_part_of_a_planted_secret(planted: Store) -> None:
    tables = planted.rows("select table_name from information_schema.tables where table_type = 'BASE TABLE'")
    found = [
        (table, leaks(text), text[:300])
        for (table,) in tables
        for (text,) in planted.rows(f'select t::varchar from "{table}" t')
        if leaks(text)
    ]
    assert found == []
    rejected = planted.rows("select distinct regexp_extract(\"file\", '[^/]+$') from rejects")
    assert {"graph", "analytics.csv", "scim", "access"} <= {name for (name,) in rejected}


def test_nothing_harmless_is_missing_by_any_route(planted: Store) -> None:
    stored = {
        table: rows(planted, f"select * from {table} where {key} like 'harmless %'")
        for table, key in {"events": "source_id", "exchanges": "request_id", "job_snapshots": "job_id"}.items()
    }
    texts = {f"harmless {number}": text for number, text in enumerate(HARMLESS)}
    assert {one["source_id"] for one in stored["events"]} == {one["job_id"] for one in stored["job_snapshots"]}
    assert len(stored["exchanges"]) == 2 * len(texts) == 2 * len(stored["job_snapshots"])
    for one in stored["events"]:
        text = texts[one["source_id"]]
        assert (one["reason"], one["recommended_action"]) == (text, f"Web Response: {text}")
        assert (one["steps"][0]["description"], one["source_name"]) == (text, text)
        assert json.loads(one["steps"][0]["details"]) == {"note": text}
        assert json.loads(one["steps"][1]["details"]) == parsed(text)
        assert one["changes"] == [{"attribute": "note", "old_value": text, "new_value": f"({text})"}]
    for one in stored["exchanges"]:
        name, _, kind = one["request_id"].rpartition(" ")
        text = texts[name]
        if kind == "text":
            assert one["request_body"] == text and json.loads(one["response_body"])["detail"] == text
        else:
            assert json.loads(one["request_body"]) == parsed(text)
    assert all(one["error_message"] == texts[one["job_id"]] for one in stored["job_snapshots"])
