-- What Entra reports beside what the app received.

-- reported_events(matched, logged, since, until): one row per event of a time range that went out to an app of whose
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
create or replace macro reported_events(matched, logged, since, until) as table
select
    e.event_id, e.job_id, e.cycle_id, e.app_id, e.app_name, e.occurred_at,
    coalesce(e.upn, e.source_name, e.source_id) as "name", e."action", e.status, e.error_code,
    claims_write(e."action", e.last_step) as written,
    m.exchange_id, m.requested_at, m."method", m.http_status, m.matched_by, m.score, m.apart_s, m.skew_s, e.source_id
from events e
semi join (select distinct app_id from query_table(logged)) a on a.app_id = e.app_id
left join query_table(matched) m on m.event_id = e.event_id and m.job_id is not distinct from e.job_id
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
with matched as materialized (
    from matches(since - interval 10 minute, until + interval 10 minute)
), clocks as materialized (
    select app_id, median(skew_s) as skew_s from matched group by app_id
), logged as materialized (
    select exchange_id, app_id, occurred_at, "method", http_status
    from app_requests(since - to_seconds(600 + cover), until + to_seconds(600 + cover))
), reported as materialized (
    from reported_events('matched', 'logged', since, until)
), unreported as materialized (
    from unreported_requests('matched', 'logged', 'clocks', since, until)
), lonely as materialized (
    from unreported where not turned_away and app_id is not null
), apps as materialized (
    from reported_apps('unreported', since - to_seconds(600 + cover), until + to_seconds(600 + cover))
), covers as (
    from event_coverage('lonely', 'apps', since - to_seconds(600 + cover), until + to_seconds(600 + cover), cover)
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
left join sibling_requests('matched', 'lonely', since, until) s on s.exchange_id = u.exchange_id
left join covers c on c.exchange_id = u.exchange_id
left join apps n on n.app_id = u.app_id;
