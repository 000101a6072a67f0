"""Causes: what an error means, who owns it and how it is fixed; one file, which the model and the pages read alike."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.__main__ import run
from pipeline.ingest.files import ingest
from pipeline.knowledge.causes import FAMILIES as ALL_FAMILIES
from pipeline.knowledge.causes import (
    cause_of,
    causes,
    documented_codes,
    family_of,
    find_cause,
    has_token,
    nearest,
)
from pipeline.knowledge.quarantine_reasons import find_reason, steps_of
from pipeline.rules.evaluate import check
from pipeline.rules.rule import find_rule
from pipeline.store.lake import Cursor, Store
from tests.support.given import Given, moment
from tests.support.loads import rows

CASES = Path(__file__).parents[1] / "cases"
SCIM = "SystemForCrossDomainIdentityManagement"
DOCUMENTED = """
    Conflict EntryConflict TooManyRequests InternalServerError InsufficientRights MethodNotAllowed NotPermitted
    Unauthorized UnprocessableEntity WebExceptionProtocolError InvalidAnchor NotImplemented MandatoryFieldsMissing
    MissingValues SchemaAttributeNotFound InternalError InvalidDomain Timeout LicenseLimitExceeded
    DuplicateTargetEntries DuplicateSourceEntries ImportSkipped EntrySynchronizationSkipped
    SystemForCrossDomainIdentityManagementMultipleEntriesInResponse
    SystemForCrossDomainIdentityManagementServiceIncompatible SchemaPropertyCanOnlyAcceptValue
    SystemForCrossDomainIdentityManagementCredentialValidationUnavailable CredentialValidationUnavailable
    SystemForCrossDomainIdentityManagementCredentialValidationFailure
    SystemForCrossDomainIdentityManagementBadRequest SystemForCrossDomainIdentityManagementBadResponse
    ContosoEntryConflict EndpointUnavailable EntrySynchronizationError UnableToResolveReferenceAttributeValue
    RedundantExport AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService
    AzureDirectoryB2BManagementPolicyCheckFailure AzureActiveDirectoryQuotaLimitExceeded InvitationCreationFailure
    InvitationCreationFailureUserAccountDisabled AzureActiveDirectoryForbidden
    InvitationCreationFailureInvalidPropertyValue InvitationCreationFailureAmbiguousUser
    AzureActiveDirectoryCannotUpdateObjectsMasteredOnPremises EntityTypeNotSupported TimeOut
    HybridSynchronizationActiveDirectoryInternalServerError HybridIdentityServiceNoAgentsAssigned
    HybridIdentityServiceNoActiveAgents HybridIdentityServiceInvalidResource HybridIdentityServiceAgentSignalingError
    AzureDirectoryServiceServerBusy AzureActiveDirectoryInvalidCredential AzureActiveDirectoryExpiredCredentials
    AzureActiveDirectoryAuthenticationFailed
"""
"The codes that the documentation of provisioning, of cross-tenant and of cloud sync names, as they are emitted."
SEEN = """
    SystemForCrossDomainIdentityManagementServiceIncompatibleFiltering SystemForCrossDomainIdentityManagementServerError
    HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique AzureDirectoryServiceAuthorizationFailed
    HybridSynchronizationActiveDirectoryCannotFindAttribute SalesforceInvalidCredentials
    AzureActiveDirectoryUnexpectedDuplicateEntriesFound
    HybridSyncronizationinvalidOperationOnRelativeDistinguishedNameAttribute
"""
"Codes that public reports show and the documented tables lack."
FAMILIES = (
    "scim.11.22",
    "Azure2Azure.11.22",
    "AD2AADProvisioning.11.22",
    "Workday2AD.11.22",
    "ECMA2Host.11.22",
    "cerby.1.2",
)


def case(store: Store, name: str) -> list[dict[str, Any]]:
    """The issues of one case, by code."""
    ingest(store, [CASES / name])
    return rows(store, "from error_issues('2026-03-03'::timestamp) order by code")


@pytest.mark.parametrize(
    "name, right",
    [
        ("41-servererror.json", [(500, "target", "The app failed on its own side")]),
        ("42-webresource-401.json", [(401, "credentials", "The app rejects the token")]),
        ("43-incompatible-filtering.json", [(409, "target", "The app rejects disabling the account")]),
        (
            "44-crosstenant.json",
            [
                (None, "mapping", "Another service owns this attribute"),
                (None, "target", "The target tenant is full"),
                (None, "target", "Automatic redemption is not on in both tenants"),
            ],
        ),
        (
            "46-workday-ad.json",
            [
                (None, "target", "The agent does not know the attribute"),
                (None, "source data", "Another object in the forest has the user principal name"),
                (None, "mapping", "The mapping changes an object's name in the directory"),
            ],
        ),
        ("47-unauthorized-401.json", [(401, "credentials", "The app rejects the token")]),
        ("48-badresponse-scim.json", [(502, "target", "The app or its gateway did not answer as SCIM")]),
        (
            "49-no-scim-detail.json",
            [
                (400, "target", "The app rejects a boolean sent as text"),
                (403, "target", "Something in front of the app blocks Entra"),
            ],
        ),
        ("51-string-false.json", [(400, "target", "The app rejects a boolean sent as text")]),
    ],
)
def test_each_case_has_its_status_owner_and_cause(
    name: str, right: list[tuple[int | None, str, str]], store: Store
) -> None:
    found = case(store, name)
    known = [cause_of(row) for row in found]
    told = [(row["http_status"], row["fault"], one and one.title) for row, one in zip(found, known, strict=True)]
    assert sorted(told, key=str) == sorted(right, key=str)
    assert [one and one.name for one in known] == [row["cause"] for row in found]


def test_the_cures_that_are_known_are_there(store: Store) -> None:
    [boolean] = case(store, "51-string-false.json")
    assert any("aadOptscim062020" in step for step in (cause_of(boolean) or causes()[0]).steps)
    code = f"{SCIM}ServiceIncompatible"
    cures = {
        "aadOptscim062020": '"Remove" is not a valid choice',
        "match by userName": "Filter on externalId is not supported",
        "userPrincipalName": "userName must be a valid email address",
        "firewall": "an HTML page: Attention Required! | Cloudflare",
    }
    for cure, words in cures.items():
        cause = find_cause(code, http_status=403 if "HTML" in words else 400, words=words)
        assert cause is not None and any(cure in step for step in cause.steps), (cure, cause)


def test_every_code_that_is_documented_or_was_seen_has_a_cause_with_something_to_do() -> None:
    codes = DOCUMENTED.split() + SEEN.split()
    assert [code for code in codes if find_cause(code) is None] == []
    assert all(cause.title and cause.meaning and cause.source and cause.steps for cause in causes())


def test_the_end_of_a_code_says_what_it_means_whatever_stands_before_it() -> None:
    for end in documented_codes():
        bare = find_cause(end)
        for prefix in (SCIM, "Contoso", "ZoomV2", "SAP"):
            assert find_cause(prefix + end, job_id="scim.1.2") is bare or end.startswith("Azure"), (prefix, end)
    assert find_cause("AzureActiveDirectoryInternalServerError") is not find_cause("ZoomInternalError")
    assert find_cause("InvitationCreationFailureAmbiguousUser") is not find_cause("InvitationCreationFailure")
    assert find_cause("Reconflict") is None


def test_only_what_is_documented_as_retried_is_said_to_be() -> None:
    retried = {code.lower() for cause in causes() if cause.retries for code in cause.codes}
    assert retried == {
        "toomanyrequests",
        "internalservererror",
        "webexceptionprotocolerror",
        "internalerror",
        "timeout",
    }


def test_a_401_never_says_that_the_sign_in_worked_whatever_the_code() -> None:
    codes = [code for code in (*DOCUMENTED.split(), *SEEN.split()) if family_of("scim.1.2", code) == "scim app"]
    for code in [None, *codes]:
        cause = find_cause(code, http_status=401, job_id="scim.1.2")
        assert cause is not None and cause.owner == "credentials", code
        assert "worked" not in cause.meaning and "does not accept" in cause.meaning


@pytest.mark.parametrize(
    "job, code, family",
    [
        ("scim.1.2", None, "scim app"),
        ("cerby.1.2", f"{SCIM}Unauthorized", "scim app"),
        ("Azure2Azure.1.2", None, "entra to entra"),
        ("AD2AADProvisioning.1.2", None, "ad to entra"),
        ("Workday2AAD.1.2", "HybridSynchronizationActiveDirectoryX", "hr to ad"),
        ("SuccessFactors2AD.1.2", None, "hr to ad"),
        (None, "HybridIdentityServiceNoActiveAgents", "ad to entra"),
        (None, "AzureDirectoryB2BManagementPolicyCheckFailure", "entra to entra"),
        (None, None, "scim app"),
    ],
)
def test_a_connectors_kind_follows_from_its_template_or_its_codes(
    job: str | None, code: str | None, family: str, store: Store
) -> None:
    assert family_of(job, code) == family
    assert store.rows("select connector_family(?, ?)", [job, code]) == [(family,)]


def test_a_card_of_one_kind_of_connector_is_not_shown_for_another() -> None:
    of_hr, of_app = (
        find_cause("ZoomBadResponse", job_id="Workday2AD.1.2"),
        find_cause("ZoomBadResponse", job_id="scim.1.2"),
    )
    assert of_hr is not None and of_app is not None
    assert (of_hr.owner, of_app.owner) == ("source data", "target")


def test_the_model_and_the_pages_find_the_same_cause_of_any_error(store: Store) -> None:
    draw = random.Random(14)
    codes = [None, "Rebadged", "", *DOCUMENTED.split(), *SEEN.split(), *(f"{SCIM}{end}" for end in documented_codes())]
    said = [phrase.replace("*", " the ").replace("?", "s") for cause in causes() for phrase in cause.phrases]
    types = [None, "uniqueness", "noTarget", "invalidFilter", "mutability", "invalidValue", "invalidPath", "tooMany"]
    statuses = [None, 200, *range(400, 432), 500, 501, 502, 503, 504, 520]
    errors = [
        {
            "job_id": draw.choice(FAMILIES),
            "fingerprint": f"v1-{number}",
            "code": draw.choice(codes),
            "http_status": draw.choice(statuses),
            "scim_type": draw.choice(types),
            "detail": draw.choice([None, "", "User must be Active.", *said]),
            "action": draw.choice(["create", "update", "disable", "delete", "other", None]),
        }
        for number in range(3000)
    ]

    def asked(cursor: Cursor) -> list[Any]:
        cursor.register("errors", pa.Table.from_pylist(errors))
        cursor.execute("create or replace temp table random_errors as from errors")
        return cursor.execute("select fingerprint, cause, owner from causes_of('random_errors')").fetchall()

    answer = store.write(asked)
    found = {name: (cause, owner) for name, cause, owner in answer}
    right = {str(one["fingerprint"]): cause_of(one) for one in errors}
    assert found == {name: (cause.name, cause.owner) for name, cause in right.items() if cause is not None}


def test_a_job_without_agents_is_not_told_to_renew_a_token() -> None:
    reason = find_reason("EncounteredQuarantineException")
    for code in ("HybridIdentityServiceNoAgentsAssigned", "HybridIdentityServiceNoActiveAgents", "EndpointUnavailable"):
        steps = steps_of(reason, find_cause(code, job_id="AD2AADProvisioning.1.2"), "ad to entra")
        assert "agent" in steps[0].text.lower() and not any("token" in step.text for step in steps)
    assert {step.fact for step in steps} == {"hand", "attempt", "left"}
    assert not any("token" in step.text for step in steps_of(reason, None, "ad to entra"))
    refused = find_cause(f"{SCIM}CredentialValidationFailure")
    assert any("token" in step.text and step.fact == "credential" for step in steps_of(reason, refused))
    assert steps_of(find_reason("TooManyDeletes"), refused) == find_reason("TooManyDeletes").steps


def test_an_undocumented_code_has_no_cause_and_its_neighbours_are_named() -> None:
    assert find_cause("Rebadged") is None and find_cause(None) is None and nearest("Rebadged") == []
    assert nearest("SystemForCrossDomainIdentityManagementServiceIncompatibleFilterings")[0] == (
        "ServiceIncompatibleFiltering"
    )
    assert nearest("ZoomSeatLimit", ["ZoomSeatLimits"])[0] == "ZoomSeatLimits"


# Names of apps

LONG = "scim.bdd640fb06674ad19c80317fa3b1799d.6db99102-a48b-4dbe-957d-94a106f028ff"


def titles(given: Given) -> set[str]:
    """How jobs are called by the questions that name them."""
    rows = [*given.answer("fleet", until=moment(1)), *given.answer("jobs"), *given.answer("issues")]
    return {str(row["app_name"]) for row in rows}


def test_a_job_is_named_after_its_app_wherever_the_name_is_known(given: Given) -> None:
    given.observed("Cerby", "Quarantine", hour=1, job_id=LONG, app_name=None, app_id="sp-1")
    given.failed("ada", hour=2, job_id=LONG, app_name=None)
    assert titles(given) == {"scim …f028ff"}
    check(given.store, moment(hour=3), overrides={}, chosen=[find_rule("quarantined")])
    [(summary,)] = given.store.rows("select summary from incidents")
    assert len(summary) < 80 and "bdd640fb" not in summary
    given.observed("Cerby", "Active", hour=4, app_name="Harbor", job_id=LONG)
    assert titles(given) == {"Harbor"}


def test_and_after_another_job_of_the_same_app(given: Given) -> None:
    given.observed("Cerby", "Quarantine", hour=1, job_id=LONG, app_name=None, app_id="sp-1")
    given.observed("Cerby", "Active", hour=1, job_id="harbor.1.2", app_name="Harbor", app_id="sp-1")
    assert {str(row["app_name"]) for row in given.answer("fleet", until=moment(1))} == {"Harbor"}


def test_jobs_alone_on_a_fresh_store_answer(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    ingest(store, [CASES / "53-jobs-only.json"])
    assert run(["ask", "fleet", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["state"], row["cause"]) == ("quarantine", "EncounteredQuarantineException")


def test_a_status_newer_than_all_events_counts(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    ingest(store, [CASES / "58-powershell5-event.json", CASES / "55-job-newer-than-events.json"])
    assert run(["ask", "fleet", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["app_name"], first["state"]) == ("Late Quarantine", "quarantine")


def test_the_model_knows_which_jobs_have_a_token_as_the_knowledge_does(store: Store) -> None:
    words = [word for pattern, _ in ALL_FAMILIES for word in re.split(r"[|()]", pattern)]
    pairs = [f"{one}2{other}" for one in words for other in ("AD", "Entra", "Box")]
    templates = ["scim", "customappsso", "Cerby", "DropboxSCIMOutDelta", *words, *pairs]
    jobs = [f"{template}.{'1' * 32}.x" for template in templates] + ["", "workday"]
    told = store.rows("select job_id, has_scim_token(job_id) from (select unnest($jobs) as job_id)", {"jobs": jobs})
    assert dict(told) == {job: has_token(job) for job in jobs}
    assert {has_token(job) for job in jobs} == {True, False}
