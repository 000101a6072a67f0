-- What share of each job's users and groups is in sync?
--
-- Title    In sync by app
-- Topic    Users and groups
--
-- The share is of in sync, out of in sync, failing, rejected and held back. Out of scope, disabled and deleted objects
-- are in neither, nor those whose state is unknown. A share is of the newest event of each object; what happened in
-- hours that are not complete may have changed it. Until an initial cycle has ended no object counts as in sync: most
-- were not evaluated yet.
--
-- Parameters
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id           the job
--   app_name         the application it provisions
--   in_sync          objects that are as they should be; null until the initial cycle has ended
--   failing          objects whose last attempt failed
--   held_back        objects skipped for a reason that can be fixed, such as a missing attribute
--   out_of_scope     objects that are skipped because they are not meant to be there
--   disabled         objects switched off in the target
--   deleted          objects removed from the target
--   rejected         objects with a change that Entra reports as done and the app rejected
--   in_place_share   in_sync of in_sync, failing, rejected and held_back; null where there are none, and as in_sync
--   gap_hours        hours that are not complete, from the job's first known to its newest
--   is_initial       whether Graph reports that the job has not reached a steady state yet; false without a status
with counted as (
    select
        job_id,
        name_of_job(max(app_name), job_id) as app_name,
        count(*) filter (where state = 'in_sync') as in_sync,
        count(*) filter (where state = 'failing') as failing,
        count(*) filter (where state = 'skipped' and not benign) as held_back,
        count(*) filter (where state = 'skipped' and benign) as out_of_scope,
        count(*) filter (where state = 'disabled') as disabled,
        count(*) filter (where state = 'deleted') as deleted,
        count(*) filter (where state = 'rejected') as rejected
    from identities
    where ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    group by job_id
), gaps as (
    select job_id, count(*) as gap_hours
    from completeness
    where source = 'events' and state <> 'complete'
    group by job_id
), initial_jobs as (
    -- A status that reports how a run ended, or that none did, would report a steady state as well; a restart takes it
    -- back. A status with neither says nothing of it.
    select job_id
    from newest_snapshots([timestamp 'infinity'])
    where steady_since is null
        and (last_ended_at is null or last_state is not null or state = 'NotRun' or total_units > 0
            or last_began_at > last_ended_at)
)
select
    job_id,
    app_name,
    case when not is_initial then in_sync end as in_sync,
    failing,
    held_back,
    out_of_scope,
    disabled,
    deleted,
    rejected,
    case when not is_initial then counted.in_sync / nullif(counted.in_sync + failing + rejected + held_back, 0) end
        as in_place_share,
    coalesce(gap_hours, 0) as gap_hours,
    is_initial
from (select *, job_id in (from initial_jobs) as is_initial from counted) counted
left join gaps using (job_id)
order by in_place_share, app_name, job_id
