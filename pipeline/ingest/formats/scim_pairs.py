"""SCIM request and response on lines of their own, joined by the request id; lines in between belong to them too."""

from pipeline.ingest.formats.exchanges import body
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.exchange import RequestLine

STATUS = ("status", "statusCode", "status_code", "httpStatus", "responseCode", "response_code")
RELATION = """
select
    number,
    "timestamp" as logged_at,
    "method",
    "path" as target,
    null::varchar as query,
    "data".status as "status",
    coalesce("data"."durationMs", case when "data".status is not null then "durationMs" end) as duration_ms,
    "requestId" as request_id,
    null::varchar as tenant_id,
    null::varchar as app_id,
    "data".ip as client,
    null::varchar as host,
    case when "data".status is null then {request} end as request_body,
    coalesce({response}, case when "data".status is not null then {request} end) as response_body,
    null::double as former_ms,
    null::varchar as former_client,
    false as may_differ,
    "timestamp" is null as unread,
    true as partial
from ({records})
"""


def recognises(head: Head) -> bool:
    """Lines with a request id and a method whose status, if any, is inside `data`."""
    return head.has("requestId", "method", "path", "timestamp") and not any(map(head.has, STATUS))


def relation(records: str) -> str:
    """Builds SQL for the part of an exchange in each line."""
    return RELATION.format(records=records, request=body('"data"."body"'), response=body('"data"."responseBody"'))


SOURCE = Source("scim_pairs", "exchanges", RequestLine, recognises, relation)
