"""Diagnostic-settings records: blobs of JSON lines, and Event Hub batches with their capture wrapper.

A setting sends sign-ins, the audit log and others to the same place: these are passed over and counted.
"""

from collections.abc import Mapping

from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.event import DiagnosticRecord

RELATION = """
select
    number,
    "properties".* replace (coalesce("properties"."tenantId", "tenantId",
        nullif(regexp_extract("resourceId", '(?i)/tenants/([^/]+)', 1), '')) as "tenantId",
        coalesce("properties"."activityDateTime", "time") as "activityDateTime",
        case when lower(coalesce("category", 'ProvisioningLogs')) = 'provisioninglogs' then "properties".id end as id),
    "resultType" as envelope_status,
    nullif("resultSignature", 'None') as envelope_error,
    "resultDescription" as envelope_reason,
    try_cast("durationMs" as bigint) as envelope_duration
from ({records})
"""


def recognises(head: Head) -> bool:
    """The envelope is Azure Monitor's, and its properties are an event's or it is of Entra's logs."""
    if not head.has("properties"):
        return False
    inner = head.inner("properties")
    of_events = inner.has("jobId") or inner.has("activityDateTime") or inner.has("provisioningSteps")
    return of_events or any(is_of_another_log(sample) and is_of_entra(sample) for sample in head.samples)


def is_of_another_log(record: object) -> bool:
    """Whether a record says that it is of a log without provisioning events.

    >>> is_of_another_log({"category": "AuditLogs"}), is_of_another_log({"Category": "provisioninglogs"})
    (True, False)
    """
    category = member(record, "category")
    return bool(category) and category.casefold() != "provisioninglogs"


def is_of_entra(record: object) -> bool:
    """Whether a record's resource is a directory."""
    return "/providers/microsoft.aadiam" in member(record, "resourceid").casefold()


def member(record: object, name: str) -> str:
    """Returns the text of a record's member, whatever the case of its name."""
    members = record.items() if isinstance(record, Mapping) else ()
    return next((str(value) for key, value in members if str(key).casefold() == name), "")


SOURCE = Source(
    "diagnostic",
    "events",
    DiagnosticRecord,
    recognises,
    lambda records: RELATION.format(records=records),
    passes_over=is_of_another_log,
)
