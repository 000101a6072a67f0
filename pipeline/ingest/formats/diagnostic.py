"""Diagnostic-settings records: blobs of JSON lines, and Event Hub batches with their capture wrapper."""

from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.event import DiagnosticRecord

RELATION = """
select
    number,
    "properties".* replace (coalesce("properties"."tenantId", "tenantId",
        nullif(regexp_extract("resourceId", '(?i)/tenants/([^/]+)', 1), '')) as "tenantId",
        coalesce("properties"."activityDateTime", "time") as "activityDateTime"),
    "resultType" as envelope_status,
    nullif("resultSignature", 'None') as envelope_error,
    "resultDescription" as envelope_reason,
    try_cast("durationMs" as bigint) as envelope_duration
from ({records})
"""


def recognises(head: Head) -> bool:
    """The envelope is Azure Monitor's and its properties are an event's."""
    inner = head.inner("properties")
    return head.has("properties") and (
        inner.has("jobId") or inner.has("activityDateTime") or inner.has("provisioningSteps")
    )


SOURCE = Source("diagnostic", "events", DiagnosticRecord, recognises, lambda records: RELATION.format(records=records))
