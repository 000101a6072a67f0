-- What Entra reports beside what the app received.

-- reported_events(found, logged, since, until): one row per event of a time range that went out to an app of whose
-- requests a table has some, with its request, if a table of matches has it.
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
--   written       whether it reports that something was written, or was to be
--   exchange_id   the SCIM request
--   requested_at  when the app logged the request, by its own clock
--   method        the HTTP method
--   http_status   the answer's HTTP status
--   matched_by    request id, error text or score
--   score         how well they fit
--   apart_s       seconds between them, with the clock set right
--   skew_s        by how many seconds the app's clock is ahead
--   source_id     the object's id in Entra
create or replace macro reported_events(found, logged, since, until) as table
select
    e.event_id, e.job_id, e.cycle_id, e.app_id, e.app_name, e.occurred_at,
    coalesce(e.upn, e.source_name, e.source_id) as "name", e."action", e.status, e.error_code,
    claims_write(e."action", e.last_step) as written,
    m.exchange_id, m.requested_at, m."method", m.http_status, m.matched_by, m.score, m.apart_s, m.skew_s, e.source_id
from events e
semi join (select distinct app_id from query_table(logged)) a on a.app_id = e.app_id
left join query_table(found) m on m.event_id = e.event_id and m.job_id is not distinct from e.job_id
where e.occurred_at >= since and e.occurred_at < until
    and e.status in ('success', 'warning', 'failure')
    and e."action" is distinct from 'stagedDelete';

-- written_cell(status, http_status): how an event that reports a write agrees with the request that carried it.
create or replace macro written_cell(status, http_status) as
    case
        when status = 'failure' then case when http_status < 400 then 'taken but failed' else 'both failed' end
        when http_status is null then 'not known'
        when http_status >= 400 then 'refused but well'
        else 'both well'
    end;

-- lost_writes(reported, logged, clocks, cover): the events of a table that report a write and have no request, with
-- the cell: the app's log must have requests within cover seconds before and after the moment, else nothing is known.
--   cell               never seen, failed unseen or not known
--   reported_events.*  the event
create or replace macro lost_writes(reported, logged, clocks, cover) as table
with lost as materialized (
    select e.*, e.occurred_at + to_milliseconds((1000 * coalesce(c.skew_s, 0))::bigint) as due_at
    from query_table(reported) e
    left join query_table(clocks) c on c.app_id = e.app_id
    where e.exchange_id is null and e.written
), request_instants as materialized (
    select r.app_id, r.occurred_at as request_at
    from query_table(logged) r
    semi join lost l on l.app_id = r.app_id
)
select
    case
        when b.request_at >= l.due_at - to_seconds(cover) and a.request_at <= l.due_at + to_seconds(cover)
            then case when l.status = 'failure' then 'failed unseen' else 'never seen' end
        else 'not known'
    end as cell,
    l.* exclude (due_at)
from lost l
asof left join request_instants b on b.app_id = l.app_id and l.due_at >= b.request_at
asof left join request_instants a on a.app_id = l.app_id and l.due_at <= a.request_at;

-- unreported_requests(found, logged, clocks, since, until): one row per write of a table of requests, and per request
-- that was turned away, that a table of matches does not have.
--   exchange_id  the SCIM request
--   app_id       the app's service principal
--   occurred_at  when the app logged it, by its own clock
--   method       the HTTP method
--   http_status  the answer's HTTP status
--   entra_at     when that was by Entra's clock
--   turned_away  whether the app refused the token
create or replace macro unreported_requests(found, logged, clocks, since, until) as table
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
anti join query_table(found) m on m.exchange_id = r.exchange_id
where r.occurred_at >= since and r.occurred_at < until
    and (r."method" in ('POST', 'PATCH', 'PUT', 'DELETE') or r.http_status in (401, 403));

-- sibling_requests(found, lonely, since, until): one row per request of a table that has a matched one beside it, within
-- two minutes: on the same object, or with the same body. It is a second sending, or a further step of the same event.
--   exchange_id  the SCIM request
--   twin         whether method and body are the same
create or replace macro sibling_requests(found, lonely, since, until) as table
with lonely_requests as materialized (
    select x.exchange_id, l.app_id, x.occurred_at, x."method", x."path", x.resource_id, x.request_body
    from query_table(lonely) l
    join exchanges x on x.exchange_id = l.exchange_id and x.occurred_at = l.occurred_at
    where x.occurred_at >= since and x.occurred_at < until
), requests_beside as materialized (
    select l.exchange_id, l.app_id, x.exchange_id as beside_id,
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
from requests_beside b
join query_table(found) m on m.exchange_id = b.beside_id and m.app_id = b.app_id
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

-- known_to_entra(lonely, apps, since, until, cover): one row per request of a table, with whether its event would be
-- there: the app has events within cover seconds before and after the moment, or a reading covers it.
--   exchange_id  the SCIM request
--   covered      whether it would
create or replace macro known_to_entra(lonely, apps, since, until, cover) as table
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
        or coalesce(b.event_at >= l.entra_at - to_seconds(cover) and a.event_at <= l.entra_at + to_seconds(cover), false)
        as covered
from query_table(lonely) l
asof left join event_instants b on b.app_id = l.app_id and l.entra_at >= b.event_at
asof left join event_instants a on a.app_id = l.app_id and l.entra_at <= a.event_at
asof left join covered_intervals v on v.app_id = l.app_id and l.entra_at >= v.covered_since;

-- both_sides(since, until, cover): one row per event that went out to an app whose log there is, per write without an
-- event, and per request that was turned away: what Entra reports beside what the app received. An app whose log has no
-- request in the time range is left out. 'never seen' needs requests in the app's log within cover seconds before and
-- after the moment, and 'no event' needs events as near, or a reading that covers it; else it is 'not known'.
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
--   http_status   the answer's HTTP status
--   matched_by    request id, error text or score
--   score         how well they fit
--   apart_s       seconds between them, with the clock set right
--   skew_s        by how many seconds the app's clock is ahead
--   source_id     the object's id in Entra
create or replace macro both_sides(since, until, cover := 3600) as table
with found as materialized (
    from matches(since - interval 10 minute, until + interval 10 minute)
), clocks as materialized (
    select app_id, median(skew_s) as skew_s from found group by app_id
), logged as materialized (
    select exchange_id, app_id, occurred_at, "method", http_status
    from app_requests(since - to_seconds(600 + cover), until + to_seconds(600 + cover))
), reported as materialized (
    from reported_events('found', 'logged', since, until)
), unreported as materialized (
    from unreported_requests('found', 'logged', 'clocks', since, until)
), lonely as materialized (
    from unreported where not turned_away and app_id is not null
), apps as materialized (
    from reported_apps('unreported', since - to_seconds(600 + cover), until + to_seconds(600 + cover))
), covers as (
    from known_to_entra('lonely', 'apps', since - to_seconds(600 + cover), until + to_seconds(600 + cover), cover)
), cells as (
    select
        case when written then written_cell(status, http_status) else 'no write' end as cell,
        *
    from reported
    where exchange_id is not null or not written
    union all
    from lost_writes('reported', 'logged', 'clocks', cover)
)
select * exclude (written)
from cells
union all
select
    case
        when u.turned_away then 'turned away'
        when s.twin then 'seen twice'
        when s.twin is not null then 'beside another'
        when c.covered then 'no event'
        else 'not known'
    end,
    null, n.job_id, null, u.app_id, n.app_name, u.entra_at, null, null, null, null, u.exchange_id, u.occurred_at,
    u."method", u.http_status, null, null, null, null, null
from unreported u
left join sibling_requests('found', 'lonely', since, until) s on s.exchange_id = u.exchange_id
left join covers c on c.exchange_id = u.exchange_id
left join apps n on n.app_id = u.app_id;
