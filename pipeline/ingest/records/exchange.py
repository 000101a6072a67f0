"""One SCIM request and its response, as servers log them: in one JSON object, or on two lines with one request id."""

from typing import Annotated

from pipeline.ingest.records.instants import Instant
from pipeline.ingest.records.wire import Also, Id, Json, Wire


class Exchange(Wire):
    """A request and its response in one object: our own documented form, with the names other servers use."""

    time: Annotated[Instant, Also("timestamp", "@timestamp", "time_iso8601", "occurred_at", "date")]
    method: Annotated[Id, Also("request_method", "httpMethod", "http_method", "verb")]
    path: Annotated[Id, Also("url", "uri", "request_uri", "requestUri", "target")]
    status: Annotated[int | None, Also("statusCode", "status_code", "http_status", "httpStatus", "responseStatus")] = (
        None
    )
    duration_ms: Annotated[float | None, Also("durationMs", "elapsed_ms", "latency_ms")] = None
    request_time: float | None = None
    "Seconds, as nginx has it."
    request_id: Annotated[str | None, Also("requestId", "correlation_id", "correlationId", "x_request_id")] = None
    tenant_id: Annotated[str | None, Also("tenantId")] = None
    app_id: Annotated[str | None, Also("appId")] = None
    client: Annotated[str | None, Also("client_ip", "clientIp", "remote_addr", "ip")] = None
    request_body: Annotated[Json, Also("request", "requestBody")] = None
    response_body: Annotated[Json, Also("response", "responseBody")] = None


class RequestLineData(Wire):
    """What a server adds to one line of a request."""

    status: Annotated[int | None, Also("statusCode")] = None
    durationMs: float | None = None
    ip: Annotated[str | None, Also("clientIp")] = None
    body: Annotated[Json, Also("requestBody")] = None
    responseBody: Annotated[Json, Also("response")] = None


class RequestLine(Wire):
    """One line about a request; the lines with one requestId are one exchange."""

    timestamp: Annotated[Instant, Also("time")]
    requestId: Annotated[Id, Also("request_id")]
    method: str | None = None
    path: Annotated[str | None, Also("url")] = None
    message: Annotated[str | None, Also("msg")] = None
    durationMs: float | None = None
    data: RequestLineData | None = None
