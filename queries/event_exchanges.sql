-- Which SCIM requests belong to one event?
--
-- Title    SCIM requests for an event
-- Topic    SCIM traffic
--
-- First the one that carried it, matched as described in docs/architecture.md; then the others about the same object,
-- within two minutes of where the app's clock has the event: its id is in the path, or its name in the filter or the
-- body.
--
-- Parameters
--   $event    VARCHAR      the event's id
--   $at       TIMESTAMP    when it occurred; it makes the look-up quick
--   $job      VARCHAR      its job's id; ids alone are not unique
--
-- Columns
--   occurred_at      when the request was made, by the app's clock
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
--   matched_by       request id, error text or score, for the request that carried the event; else null
--   score            how well it fits: 9 and more is the object's id, the verb, the outcome and the time
--   apart_s          seconds between the two, the clock set right
--   skew_s           by how much the app's clock is ahead; null where too few pairs match
with event as (
    select app_id, nullif(target_id, '') as target_id, lower(coalesce(upn, source_name)) as name, source_id
    from events
    where occurred_at = $at and event_id = $event and job_id = $job
), pairs as materialized (
    from matches($at::timestamp - interval 2 hour, $at::timestamp + interval 2 hour)
), own as (
    select exchange_id, matched_by, score, apart_s from pairs where event_id = $event and job_id = $job
), clock as (
    select median(p.skew_s) as skew_s from pairs p join event e on e.app_id = p.app_id
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
    x.exchange_id,
    o.matched_by,
    o.score,
    o.apart_s,
    c.skew_s
from app_requests($at::timestamp - interval 15 minute, $at::timestamp + interval 15 minute) x
cross join clock c
join event e on x.app_id = e.app_id
left join own o on o.exchange_id = x.exchange_id
where (o.exchange_id is not null
        or abs(date_diff('millisecond', $at::timestamp, x.occurred_at) / 1000 - coalesce(c.skew_s, 0)) < 120
        and (x.resource_id = e.target_id
            or contains(x."path", e.target_id)
            or contains(lower(x."filter"), e.name)
            or contains(lower(x.request_body), e.name)
            or contains(x.request_body, e.source_id)))
order by o.exchange_id is null, x.occurred_at, x.exchange_id
