-- Which disables succeeded although the app still shows the account as active, or rejected them?
--
-- Title    Disabled accounts still active
-- Topic    Leavers
--
-- The app's answer to the disable, or the newest answer after it, has active: true, "True" or 1. Two minutes are left
-- for clocks that differ. Or the app's own log has an error for what Entra calls a successful disable or delete, other
-- than that it has no such account, and nothing better since. Where the log has neither, there is no row; nor where
-- Entra has since written the account for another object, such as the same person hired again under another id.
--
-- Parameters
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $since    TIMESTAMP         since when the app's answers are looked at
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name    the application
--   name        the person's UPN, else the display name
--   since       since when, as far as the store knows
--   seen        what gives it away
--   cure        how to fix it
--   source_id   the person's id in Entra
--   event_id    the event that gives it away
--   job_id      the job
with done as (
    from done_removals($as_of, $job, $tenant)
), account_requests as materialized (
    -- By its id, or, where an answer is to a look-up, by the name that was looked for.
    select exchange_id, app_id, occurred_at, "method", operation, http_status, resource_id,
        case when resource_id is null then filter_value("filter") end as "name"
    from app_requests($since::timestamp, $as_of::timestamp + interval 1 microsecond)
    where "method" in ('GET', 'PATCH', 'PUT', 'DELETE') and http_status is not null
        and (resource_id in (select target_id from done)
            or resource_id is null and filter_value("filter") in (select lower("name") from done))
), shown as (
    -- Bodies are read of these alone.
    select n.*, resource_in(x.response_body) as resource
    from (
        select d.object, x.* from done d join account_requests x on x.app_id = d.app_id and x.resource_id = d.target_id
        union all
        select d.object, x.* from done d join account_requests x on x.app_id = d.app_id and x."name" = lower(d."name")
    ) n
    join exchanges x on x.exchange_id = n.exchange_id
    where x.occurred_at >= $since and x.occurred_at <= $as_of and n.http_status < 300 and n."method" <> 'DELETE'
), answered as (
    select
        d.object,
        max(x.occurred_at) as answered_at,
        arg_max(x.resource ->> '$.active', x.occurred_at) as active,
        arg_max(x."method", x.occurred_at) as "method",
        min(x.occurred_at) filter (where truth_value((x.resource ->> '$.active'))) as first_at
    from done d
    join shown x on x.object = d.object
    where (x.resource ->> '$.active') is not null and (x.resource ->> '$.id') = d.target_id
        and (x.occurred_at > d.ended_at + interval 2 minute
            or x.operation = 'disable' and x.occurred_at >= d.ended_at - interval 10 minute)
    group by d.object
), writes as (
    select
        d.object,
        arg_max(x.http_status, x.occurred_at) as http_status,
        arg_max(x."method", x.occurred_at) as "method",
        max(x.occurred_at) as written_at
    from done d
    join account_requests x on x.resource_id = d.target_id and x.app_id = d.app_id
    where x."method" <> 'GET' and x.occurred_at >= d.ended_at - interval 10 minute
    group by d.object
), returned as (
    select d.object
    from done d
    join footings t on t.object = d.object and t.occurred_at > d.ended_at
    where t.occurred_at <= $as_of and t.removal is null and t.footing = 'in' and t.left_as is null
)
select
    coalesce(d.app_name, job_label(d.job_id)) as app_name,
    d."name",
    if(is_active, a.first_at, w.written_at) as since,
    'Entra ' || if(d.removal = 'delete', 'deleted', 'disabled') || ' the account on '
        || strftime(d.ended_at, '%Y-%m-%d %H:%M') || ' UTC, and the app''s answer to a '
        || case when is_active then a."method" || ' on ' || strftime(a.answered_at, '%Y-%m-%d %H:%M')
                || ' UTC shows active: ' || a.active
            else w."method" || ' on ' || strftime(w.written_at, '%Y-%m-%d %H:%M') || ' UTC was ' || w.http_status end
        || '.' as seen,
    'Disable it in the app by hand, and ask its vendor: the app '
        || if(is_active, 'took active: false and did not keep it.', 'rejected what Entra counts as done.') as cure,
    d.source_id,
    d.event_id,
    d.job_id
from (
    select d.*, a, d.removal = 'disable' and coalesce(truth_value(a.active), false) as is_active
    from done d
    left join answered a on a.object = d.object
) d
left join writes w on w.object = d.object
where (is_active
        -- What the app shows later counts more than what it answered then.
        or w.http_status >= 400 and w.http_status not in (404, 410) and coalesce(a.answered_at < w.written_at, true))
    and d.object not in (from returned union all from accounts_passed_on('done', $as_of))
order by since, d.job_id, d.source_id
