-- Requests that the app received and Entra does not report.

-- unreported_requests(matched, logged, clocks, since, until): one row per write of a table of requests, and per request
-- that was turned away, that a table of matches does not have.
--   exchange_id  the SCIM request
--   app_id       the app's service principal
--   occurred_at  when the app logged it, by its own clock
--   method       the HTTP method
--   http_status  the answer's HTTP status
--   entra_at     when that was by Entra's clock
--   turned_away  whether the app refused the token
create or replace macro unreported_requests(matched, logged, clocks, since, until) as table
select
    r.exchange_id,
    r.app_id,
    r.occurred_at,
    r."method",
    r.http_status,
    r.occurred_at - to_milliseconds((1000 * coalesce(c.skew_s, 0))::bigint) as entra_at,
    coalesce(r.http_status in (401, 403), false) as turned_away
from query_table(logged) r
left join query_table(clocks) c on c.app_id = r.app_id
anti join query_table(matched) m on m.exchange_id = r.exchange_id
where r.occurred_at >= since and r.occurred_at < until
    and (r."method" in ('POST', 'PATCH', 'PUT', 'DELETE') or r.http_status in (401, 403));

-- sibling_requests(matched, lonely, since, until): one row per request of a table that has a matched one beside it,
-- within two minutes: on the same object, or with the same body. It is a second sending, or a further step of the same
-- event.
--   exchange_id  the SCIM request
--   twin         whether method and body are the same
create or replace macro sibling_requests(matched, lonely, since, until) as table
with lonely_requests as materialized (
    select x.exchange_id, l.app_id, x.occurred_at, x."method", x."path", x.resource_id, x.request_body
    from query_table(lonely) l
    join exchanges x on x.exchange_id = l.exchange_id and x.occurred_at = l.occurred_at
    where x.occurred_at >= since and x.occurred_at < until
), close_requests as materialized (
    select l.exchange_id, l.app_id, x.exchange_id as close_id,
        x."method" = l."method" and x.request_body is not distinct from l.request_body as twin
    from lonely_requests l
    join exchanges x on x.resource_id = l.resource_id
    where x.occurred_at >= since - interval 2 minute and x.occurred_at < until + interval 2 minute
        and abs(date_diff('second', x.occurred_at, l.occurred_at)) <= 120
    union all
    select l.exchange_id, l.app_id, x.exchange_id, true
    from lonely_requests l
    join exchanges x on x."path" = l."path" and x."method" = l."method" and x.request_body = l.request_body
    where x.occurred_at >= since - interval 2 minute and x.occurred_at < until + interval 2 minute
        and abs(date_diff('second', x.occurred_at, l.occurred_at)) <= 120
)
select b.exchange_id, bool_or(b.twin) as twin
from close_requests b
join query_table(matched) m on m.exchange_id = b.close_id and m.app_id = b.app_id
group by b.exchange_id;

-- reported_apps(unreported, since, until): one row per app of a table of requests that has events in a time range.
--   app_id     the app's service principal
--   app_name   the app's name
--   job_id     the job
--   tenant_id  the tenant
create or replace macro reported_apps(unreported, since, until) as table
select e.app_id, max(e.app_name) as app_name, max(e.job_id) as job_id, max(e.tenant_id) as tenant_id
from events e
semi join query_table(unreported) u on u.app_id = e.app_id
where e.occurred_at >= since and e.occurred_at < until
group by e.app_id;

-- event_coverage(lonely, apps, since, until, cover): one row per request of a table, with whether its event would be
-- there: the app has events within cover seconds before and after the moment, or a reading covers it.
--   exchange_id  the SCIM request
--   covered      whether it would
create or replace macro event_coverage(lonely, apps, since, until, cover) as table
with event_instants as materialized (
    select distinct e.app_id, e.occurred_at as event_at
    from events e
    semi join query_table(lonely) l on l.app_id = e.app_id
    where e.occurred_at >= since and e.occurred_at < until
), covered_intervals as (
    select app_id, since as covered_since,
        max(until) over (partition by app_id order by since, until) as covered_until
    from (
        select distinct n.app_id, s.since, s.until
        from stretches s
        join query_table(apps) n on s.source = 'events'
            and (s.job_id = n.job_id or s.job_id is null and lower(s.tenant_id) is not distinct from lower(n.tenant_id))
    )
)
select
    l.exchange_id,
    coalesce(v.covered_until > l.entra_at, false)
        or coalesce(
            b.event_at >= l.entra_at - to_seconds(cover) and a.event_at <= l.entra_at + to_seconds(cover), false)
        as covered
from query_table(lonely) l
asof left join event_instants b on b.app_id = l.app_id and l.entra_at >= b.event_at
asof left join event_instants a on a.app_id = l.app_id and l.entra_at <= a.event_at
asof left join covered_intervals v on v.app_id = l.app_id and l.entra_at >= v.covered_since;
