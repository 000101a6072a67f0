"""The wire's models: one definition types the fast reader and judges what it could not read."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.ingest.formats import SOURCES
from pipeline.ingest.records.event import DiagnosticRecord, Event
from pipeline.ingest.records.exchange import Exchange
from pipeline.ingest.records.instants import readable
from pipeline.ingest.records.wire import columns, complaint, selection
from pipeline.ingest.records.words import Action, Status, StepType
from tests.support.shapes import ACTIONS, STATUSES, STEP_TYPES, cased, diagnostic, event, failed


def verdict(model: type[Any], record: object) -> str:
    """Gives the sentence that a model says of a record; nothing for one it accepts."""
    try:
        model.model_validate(record)
    except ValidationError as error:
        return complaint(error)
    return ""


def test_a_model_accepts_every_spelling_of_an_event() -> None:
    told = Event.model_validate(failed())
    assert Event.model_validate(cased(failed())).sourceIdentity == told.sourceIdentity
    assert DiagnosticRecord.model_validate(diagnostic(failed())).properties.sourceIdentity == told.sourceIdentity
    shouted = {name.upper(): value for name, value in failed().items()}
    assert Event.model_validate(shouted) == told


@pytest.mark.parametrize(
    "record, sentence",
    [
        ({"activityDateTime": "2026-01-05T12:00:00Z"}, "id is missing; an id was expected"),
        (event(id=" "), "id is empty; an id was expected, such as 5f0c7a52-0d1e-4c58-9a0a-1f2e3d4c5b6a"),
        (event(activityDateTime="soon"), "activityDateTime is 'soon'; an ISO 8601 instant was expected, such as 2026-"),
        (event(activityDateTime="0001-01-01T00:00:00Z"), "activityDateTime is '0001-01-01T00:00:00Z'; an ISO 8601"),
        ([1], "the record is an array; a JSON object was expected"),
        ("x", "the record is a text; a JSON object was expected"),
        (None, "the record is null; a JSON object was expected"),
        (True, "the record is true or false; a JSON object was expected"),
    ],
)
def test_a_complaint_names_the_field_what_was_seen_and_what_was_expected(record: object, sentence: str) -> None:
    assert verdict(Event, record).startswith(sentence)


def test_only_required_fields_spoil_a_record() -> None:
    odd = event(
        durationInMilliseconds="x", provisioningSteps=7, servicePrincipal="Cerby", sourceIdentity={"details": 3}
    )
    told = Event.model_validate(odd)
    assert (told.durationInMilliseconds, told.provisioningSteps, told.servicePrincipal) == (None, None, None)
    assert told.sourceIdentity is not None and told.sourceIdentity.details is None
    assert "time is missing" in verdict(Exchange, {"method": "GET", "path": "/Users"})


def test_the_fast_reader_asks_for_keys_as_the_file_spells_them() -> None:
    spelled = columns(Event, [cased(failed())])
    assert spelled["servicePrincipal"] == 'STRUCT("Id" VARCHAR, "Name" VARCHAR)'
    assert spelled["provisioningSteps"].endswith('"details" JSON)[]')
    assert columns(Event)["servicePrincipal"] == 'STRUCT("id" VARCHAR, "displayName" VARCHAR)'
    assert len(selection(Event)) == len(Event.model_fields)


@pytest.mark.parametrize(
    "told, at",
    [
        ("2026-01-05T12:00:00Z", "2026-01-05T12:00:00+00:00"),
        ("2026-01-05T12:00:00.1234567Z", "2026-01-05T12:00:00.123456+00:00"),
        ("2026-01-05T14:00:00+02:00", "2026-01-05T12:00:00+00:00"),
        ("2026-01-05 12:00:00", "2026-01-05T12:00:00+00:00"),
        ("1/5/2026, 2:03:04 PM", "2026-01-05T14:03:04+00:00"),
    ],
)
def test_an_instant_is_read_as_utc(told: str, at: str) -> None:
    assert readable(told) == at


@pytest.mark.parametrize("told", ["", "soon", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-09:00", 17, [], None])
def test_what_is_no_instant_is_refused_with_a_sentence(told: object) -> None:
    with pytest.raises(ValueError, match="an ISO 8601 instant was expected"):
        readable(told)


def test_words_stand_in_the_order_of_their_numbers() -> None:
    assert (tuple(Action), tuple(Status), tuple(StepType)) == (ACTIONS, STATUSES, STEP_TYPES)


def test_every_source_names_a_table_and_a_model_with_required_fields() -> None:
    for source in SOURCES:
        assert source.table in ("events", "exchanges", "job_snapshots")
        assert any(field.is_required() for field in source.record.model_fields.values()), source.name
    assert len({source.name for source in SOURCES}) == len(SOURCES)
