-- Which requests did the app receive and answer, in full?
--
-- Title    SCIM request records
-- Topic    SCIM traffic
--
-- Bodies and headers are as they are stored: secrets were removed before anything was written.
--
-- Parameters
--   $since    TIMESTAMP    start of the window, inclusive
--   $until    TIMESTAMP    end of the window, exclusive
--   $app      VARCHAR      the app's id in Entra
--
-- Columns
--   occurred_at      when the request was made, by the app's own clock
--   exchange_id      the exchange
--   app_id           the app that it belongs to, where that can be determined
--   method           GET, POST, PATCH, PUT or DELETE
--   path             the requested path
--   filter           what was searched for
--   operation        what kind of request it is
--   resource_type    User, Group, …
--   resource_id      the object's id in the application
--   http_status      what was answered
--   scim_type        the SCIM error's type
--   detail           the SCIM error's words
--   duration_ms      how long the answer took
--   request_id       the request's own id
--   client           the client that sent it
--   request_body     what was sent
--   response_body    what came back
select
    occurred_at,
    exchange_id,
    app_id,
    "method",
    "path",
    "filter",
    operation,
    resource_type,
    resource_id,
    http_status,
    scim_type,
    detail,
    duration_ms,
    request_id,
    client,
    request_body,
    response_body
from app_requests($since::timestamp, $until::timestamp)
where app_id = $app
order by occurred_at, exchange_id
