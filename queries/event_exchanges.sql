-- Which SCIM requests belong to one event?
--
-- Two minutes to either side, and about the same object: its id is in the path, or its name in the filter or the body.
--
-- Parameters
--   $event    VARCHAR      the event's id
--   $at       TIMESTAMP    when it occurred; it makes the look-up quick
--   $job      VARCHAR      its job's id; ids alone are not unique
--
-- Columns
--   occurred_at      when the request was made
--   method           GET, POST, PATCH, PUT or DELETE
--   path             what was asked for
--   filter           what was searched for
--   http_status      what was answered
--   scim_type        the SCIM error's type
--   detail           the SCIM error's words
--   duration_ms      how long the answer took
--   request_body     what was sent
--   response_body    what came back
--   exchange_id      the exchange
with event as (
    select nullif(target_id, '') as target_id, lower(coalesce(upn, source_name)) as name, source_id
    from events
    where occurred_at = $at and event_id = $event and job_id = $job
)
select
    x.occurred_at,
    x."method",
    x."path",
    x."filter",
    x.http_status,
    x.scim_type,
    x.detail,
    x.duration_ms,
    x.request_body,
    x.response_body,
    x.exchange_id
from exchanges x
join event e
    on x.resource_id = e.target_id
    or contains(x."path", e.target_id)
    or contains(lower(x."filter"), e.name)
    or contains(lower(x.request_body), e.name)
    or contains(x.request_body, e.source_id)
where x.occurred_at >= $at::timestamp - interval 2 minute
    and x.occurred_at < $at::timestamp + interval 2 minute
order by x.occurred_at, x.exchange_id
