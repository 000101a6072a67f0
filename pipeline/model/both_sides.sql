-- What Entra reports beside what the app received.

-- both_sides(since, until, most_skew, cover): one row per event that went out to an app whose log there is, per write
-- without an event, and per request that was turned away: what Entra reports beside what the app received. An app
-- whose log has no request in the time range is left out. 'never seen' needs requests in the app's log within cover
-- seconds before and after the moment, and 'no event' needs events as near, or a reading that covers it; else it is
-- 'not known'.
--   cell          how event and request agree, such as both well, never seen or no event
--   event_id      the event
--   job_id        the job
--   cycle_id      the cycle
--   app_id        the app's service principal
--   app_name      the app's name
--   occurred_at   when, by Entra's clock
--   name          the UPN, else the display name, else the id
--   action        what Entra meant to do
--   status        how the event ended
--   error_code    the error's code
--   exchange_id   the SCIM request
--   requested_at  when the app logged the request, by its own clock
--   method        the HTTP method
--   path          the path, without the query
--   operation     what the request does, such as query, create or disable
--   http_status   the answer's HTTP status
--   client        who sent the request, as the log says
--   matched_by    request id, error text or score
--   score         how well they fit
--   apart_s       seconds between them, with the clock set right
--   skew_s        by how many seconds the app's clock is ahead
--   source_id     the object's id in Entra
create or replace macro both_sides(since, until, most_skew := 600, cover := 3600) as table
with matched as materialized (
    from matches(since - to_seconds(most_skew), until + to_seconds(most_skew))
), window_requests as materialized (
    select exchange_id, app_id, occurred_at, "method", "path", resource_id, operation, http_status, client, request_body
    from app_requests(since - to_seconds(most_skew + cover), until + to_seconds(most_skew + cover))
), window_events as materialized (
    select event_id, job_id, cycle_id, app_id, app_name, tenant_id, occurred_at, "action", status, last_step,
        error_code, coalesce(upn, source_name, source_id) as "name", source_id
    from events
    where occurred_at >= since - to_seconds(most_skew + cover) and occurred_at < until + to_seconds(most_skew + cover)
), clocks as (
    select app_id, median(skew_s) as skew_s from matched group by app_id
), app_names as (
    select app_id, max(app_name) as app_name, max(job_id) as job_id, max(tenant_id) as tenant_id
    from window_events
    group by app_id
), request_instants as (
    select distinct app_id, occurred_at as request_at from window_requests where app_id is not null
), event_instants as (
    select distinct app_id, occurred_at as event_at from window_events
), covered_intervals as (
    select app_id, since as covered_since,
        max(until) over (partition by app_id order by since, until) as covered_until
    from (
        select distinct n.app_id, s.since, s.until
        from stretches s
        join app_names n on s.source = 'events'
            and (s.job_id = n.job_id or s.job_id is null and lower(s.tenant_id) is not distinct from lower(n.tenant_id))
    )
), sent_events as (
    select e.*, m.* exclude (event_id, job_id, cycle_id, app_id, occurred_at, "action", status), h."path", h.operation,
        h.client, claims_write(e."action", e.last_step) as written,
        e.occurred_at + to_milliseconds((1000 * coalesce(c.skew_s, 0))::bigint) as due_at
    from window_events e
    left join matched m on m.event_id = e.event_id and m.job_id is not distinct from e.job_id
    left join window_requests h on h.exchange_id = m.exchange_id
    left join clocks c on c.app_id = e.app_id
    where e.occurred_at >= since and e.occurred_at < until
        and e.app_id in (select app_id from window_requests)
        and e.status in ('success', 'warning', 'failure')
        and e."action" is distinct from 'stagedDelete'
), sent_events_covered as (
    select
        w.*,
        coalesce(b.request_at >= w.due_at - to_seconds(cover) and a.request_at <= w.due_at + to_seconds(cover), false)
            as covered
    from sent_events w
    asof left join request_instants b on b.app_id = w.app_id and w.due_at >= b.request_at
    asof left join request_instants a on a.app_id = w.app_id and w.due_at <= a.request_at
), matched_requests as (
    select h.*
    from window_requests h
    where h.exchange_id in (select exchange_id from matched)
), unmatched_requests as (
    select
        h.*,
        h.occurred_at - to_milliseconds((1000 * coalesce(c.skew_s, 0))::bigint) as entra_at,
        h.http_status in (401, 403) as turned_away
    from window_requests h
    left join clocks c on c.app_id = h.app_id
    where h.occurred_at >= since and h.occurred_at < until
        and (h."method" in ('POST', 'PATCH', 'PUT', 'DELETE') or h.http_status in (401, 403))
        and h.exchange_id not in (select exchange_id from matched)
), sibling_requests as (
    -- The nearest matched request on the same object, or with the same body: a second sending, or a further step of it.
    select
        a.exchange_id,
        bool_or(c."method" = a."method" and c.request_body is not distinct from a.request_body) as twin
    from unmatched_requests a
    join matched_requests c
        on c.app_id = a.app_id
        and (c.resource_id = a.resource_id
            or c."method" = a."method" and c."path" = a."path" and c.request_body = a.request_body)
        and abs(date_diff('second', c.occurred_at, a.occurred_at)) <= 120
    group by a.exchange_id
), unmatched_covered as (
    select
        x.*,
        k.twin,
        coalesce(v.covered_until > x.entra_at, false)
            or coalesce(b.event_at >= x.entra_at - to_seconds(cover)
                and a.event_at <= x.entra_at + to_seconds(cover), false)
            as covered
    from unmatched_requests x
    left join sibling_requests k on k.exchange_id = x.exchange_id
    asof left join event_instants b on b.app_id = x.app_id and x.entra_at >= b.event_at
    asof left join event_instants a on a.app_id = x.app_id and x.entra_at <= a.event_at
    asof left join covered_intervals v on v.app_id = x.app_id and x.entra_at >= v.covered_since
)
select
    case
        when exchange_id is null and not written then 'no write'
        when exchange_id is null and not covered then 'not known'
        when exchange_id is null then case when status = 'failure' then 'failed unseen' else 'never seen' end
        when not written then 'no write'
        when status = 'failure' then case when http_status < 400 then 'taken but failed' else 'both failed' end
        when http_status is null then 'not known'
        when http_status >= 400 then 'refused but well'
        else 'both well'
    end as cell,
    event_id, job_id, cycle_id, app_id, app_name, occurred_at, "name", "action", status, error_code, exchange_id,
    requested_at, "method", "path", operation, http_status, client, matched_by, score, apart_s, skew_s, source_id
from sent_events_covered
union all
select
    case
        when turned_away then 'turned away'
        when x.app_id is null then 'not known'
        when twin then 'seen twice'
        when twin is not null then 'beside another'
        when covered then 'no event'
        else 'not known'
    end,
    null, n.job_id, null, x.app_id, n.app_name, x.entra_at, null, null, null, null, x.exchange_id, x.occurred_at,
    x."method", x."path", x.operation, x.http_status, x.client, null, null, null, null, null
from unmatched_covered x
left join app_names n on n.app_id = x.app_id;
