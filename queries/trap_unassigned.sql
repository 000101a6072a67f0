-- Who was unassigned and never disabled?
--
-- Somebody who was in the app is skipped for want of an assignment, and no disable was ever asked for. Entra does not
-- try again: to Entra the person is no longer its business.
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
with out as (
    select
        job_id,
        source_id,
        max(order_of(occurred_at, event_id)) filter (where state_of("action", status, skip_reason) = 'in_sync')
            as good_key,
        max(order_of(occurred_at, event_id)) filter (where removal_of("action", last_step) is not null) as removal_key
    from events
    where occurred_at <= $as_of
        and (job_id, source_id) in (
            select (job_id, source_id)
            from events
            where skip_reason = 'NotEffectivelyEntitled' and occurred_at <= $as_of)
    group by job_id, source_id
), skipped as (
    select
        e.job_id,
        e.source_id,
        max(e.tenant_id) as tenant_id,
        arg_max(e.app_name, e.occurred_at) as app_name,
        coalesce(arg_max(e.upn, e.occurred_at), arg_max(e.source_name, e.occurred_at), e.source_id) as "name",
        min(e.occurred_at) as since,
        arg_min(e.event_id, e.occurred_at) as event_id,
        count(*) as skips
    from events e
    join out o on o.job_id = e.job_id and o.source_id = e.source_id
    where e.skip_reason = 'NotEffectivelyEntitled'
        and e.occurred_at <= $as_of
        and lower(coalesce(e.source_type, '')) <> 'group'
        and order_of(e.occurred_at, e.event_id) > o.good_key
        and coalesce(o.removal_key < o.good_key, true)
    group by e.job_id, e.source_id
), told as (
    select job_id, arg_max(skip_deletions, observed_at) as skip_deletions from configurations group by job_id
)
select
    coalesce(s.app_name, s.job_id) as app_name,
    s."name",
    s.since,
    'Skipped ' || s.skips || case when s.skips = 1 then ' time' else ' times' end
        || ' as not entitled, and no disable was ever asked for.'
        || case when t.skip_deletions then ' The job is told to leave out what goes out of scope.' else '' end as seen,
    case when t.skip_deletions then 'Set SkipOutOfScopeDeletions to false, or disable the account in the app by hand.'
        else 'Disable the account in the app by hand. Or assign the person again, wait a cycle, and unassign.'
    end as cure,
    s.source_id,
    s.event_id,
    s.job_id
from skipped s
left join told t on t.job_id = s.job_id
where ($job is null or s.job_id = $job) and ($tenant is null or s.tenant_id = $tenant)
order by s.since, s.job_id, s.source_id
