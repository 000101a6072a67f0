-- Whose disable was answered well, while the app still shows the account as active?
--
-- The app's answer to the disable, or the newest answer after it, says active: true, "True" or 1. Two minutes are left
-- for clocks that differ. Where no answer that shows the account was logged since, nothing is said.
--
-- Parameters
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name    the application
--   name        the person's UPN, else the display name
--   since       since when, as far as the store knows
--   seen        what gives it away
--   cure        what mends it
--   source_id   the person's id in Entra
--   event_id    the event that gives it away
--   job_id      the job
with done as (
    select *
    from leaver_cases($as_of::timestamp + interval 1 second)
    qualify row_number() over (partition by job_id, source_id order by started_at desc) = 1
), answered as (
    select
        d.job_id,
        d.source_id,
        max(x.occurred_at) as heard_at,
        arg_max(json_extract_string(resource_in(x.response_body), '$.active'), x.occurred_at) as active,
        arg_max(x."method", x.occurred_at) as "method",
        min(x.occurred_at) filter (where is_true(json_extract_string(resource_in(x.response_body), '$.active')))
            as first_at
    from done d
    join exchanges x
        on (x.resource_id = d.target_id or x.resource_id is null and looked_for(x."filter") = lower(d."name"))
        and coalesce(x.app_id = d.app_id, true)
        and x.occurred_at <= $as_of
        and (x.occurred_at > d.ended_at + interval 2 minute
            or x.operation = 'disable' and x.occurred_at >= d.ended_at - interval 10 minute)
    where x."method" in ('GET', 'PATCH', 'PUT') and x.http_status < 300
        and json_extract_string(resource_in(x.response_body), '$.id') = d.target_id
        and json_extract_string(resource_in(x.response_body), '$.active') is not null
    group by d.job_id, d.source_id
), back as (
    select d.job_id, d.source_id
    from done d
    join events e on e.job_id = d.job_id and e.source_id = d.source_id and e.occurred_at > d.ended_at
    where e.occurred_at <= $as_of and removal_of(e."action", e.last_step) is null
        and state_of(e."action", e.status, e.skip_reason) = 'in_sync' and left_why(e.steps) is null
)
select
    d.app_name,
    d."name",
    a.first_at as since,
    'Entra disabled the account on ' || strftime(d.ended_at, '%Y-%m-%d %H:%M') || ' UTC, and the app''s answer to a '
        || a."method" || ' on ' || strftime(a.heard_at, '%Y-%m-%d %H:%M') || ' UTC says active: ' || a.active || '.'
        as seen,
    'Disable it in the app by hand, and ask its vendor: the app took active: false and did not keep it.' as cure,
    d.source_id,
    d.event_id,
    d.job_id
from done d
join answered a on a.job_id = d.job_id and a.source_id = d.source_id
where d.kind = 'disable' and d.outcome = 'done'
    and is_true(a.active)
    and (d.job_id, d.source_id) not in (from back)
    and ($job is null or d.job_id = $job)
    and ($tenant is null or d.tenant_id = $tenant)
order by since, d.job_id, d.source_id
