"""SCIM exchanges as one JSON object each: our own documented form, and the names that other servers and proxies use."""

from pipeline.ingest.formats.exchanges import body
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.exchange import Exchange

RELATION = """
select
    number,
    "time" as logged_at,
    "method",
    "path" as target,
    "status",
    coalesce(duration_ms, request_time * 1000) as duration_ms,
    request_id,
    tenant_id,
    app_id,
    client,
    {request} as request_body,
    {response} as response_body,
    false as partial
from ({records})
"""


def recognises(head: Head) -> bool:
    """A method, a path and a status in one object."""
    methods = ("method", "request_method", "httpMethod", "http_method", "verb")
    targets = ("path", "url", "uri", "request_uri", "requestUri", "target")
    statuses = ("status", "statusCode", "status_code", "http_status", "httpStatus", "responseStatus")
    return any(head.has(one, two, three) for one in methods for two in targets for three in statuses)


def relation(records: str) -> str:
    """Builds SQL for the exchange in each record."""
    return RELATION.format(records=records, request=body("request_body"), response=body("response_body"))


SOURCE = Source("scim", "exchanges", Exchange, recognises, relation)
