-- Which hours are covered by what was read, and how well.

-- hours_of(earliest, latest): one row per subject and hour that anything touches, of the hours from earliest,
-- inclusive, to latest, exclusive. complete: one settled stretch covers it; partial: anything less, such as an event
-- that no stretch explains.
--   source     events, jobs (their status) or exchanges (SCIM requests)
--   tenant_id  the tenant
--   job_id     the job; null for SCIM requests
--   hour       the hour, by its beginning
--   state      complete or partial
create or replace macro hours_of(earliest, latest) as table
with covered as materialized (
    from stretches
), subject_stretches as (
    select
        source,
        any_value(tenant_id) as tenant_id,
        job_id,
        settled,
        greatest(since, date_trunc('hour', earliest)) as since,
        least(until, date_trunc('hour', latest - interval 1 microsecond) + interval 1 hour) as until,
        -- Logs of two tenants that cover the same stretch are two; a job is one however its tenant is spelled.
        case when job_id is null then tenant_id end as log_tenant
    from (
        select k.source, k.tenant_id, k.job_id, s.settled, s.since, s.until
        from subjects k
        join covered s on s.source = k.source and s.job_id = k.job_id
        union all
        select k.source, k.tenant_id, k.job_id, s.settled, s.since, s.until
        from subjects k
        join covered s
            on s.source = k.source and s.job_id is null and lower(s.tenant_id) is not distinct from lower(k.tenant_id)
    )
    where since < latest and until > date_trunc('hour', earliest)
    group by all
), united_stretches as (
    select source, tenant_id, job_id, settled, min(since) as since, max(until) as until
    from (
        select
            * exclude (begins),
            sum(begins::integer) over (
                partition by source, tenant_id, job_id, settled order by since, until rows unbounded preceding
            ) as island
        from (
            select
                *,
                coalesce(since > max(until) over (partition by source, tenant_id, job_id, settled order by since, until
                    rows between unbounded preceding and 1 preceding), true) as begins
            from subject_stretches
        )
    )
    group by source, tenant_id, job_id, settled, island
), touched_hours as (
    select
        source,
        tenant_id,
        job_id,
        settled as whole,
        unnest(case
            when settled then range(date_trunc('hour', since + interval 1 hour - interval 1 microsecond),
                date_trunc('hour', until), interval 1 hour)
            else range(date_trunc('hour', since), until, interval 1 hour)
        end) as "hour"
    from united_stretches
    union all
    select 'events', tenant_id, job_id, false, "hour"
    from hourly_parts
    where job_id is not null and "hour" >= date_trunc('hour', earliest) and "hour" < latest
    union all
    select 'jobs', tenant_id, job_id, true, date_trunc('hour', observed_at)
    from job_snapshots
    where observed_at >= date_trunc('hour', earliest) and observed_at < latest
)
select
    source,
    max(max(tenant_id)) over (partition by source, job_id, case when job_id is null then tenant_id end) as tenant_id,
    job_id,
    "hour",
    case when bool_or(whole) then 'complete' else 'partial' end as state
from touched_hours
group by source, job_id, case when job_id is null then tenant_id end, "hour";

-- hour_states(earliest, latest): one row per subject and hour from earliest to latest; unknown where nothing touches it.
--   source     events, jobs (their status) or exchanges (SCIM requests)
--   tenant_id  the tenant
--   job_id     the job; null for SCIM requests
--   hour       the hour, by its beginning
--   state      complete, partial or unknown
create or replace macro hour_states(earliest, latest) as table
with subjects as materialized (
    -- Once for all that names it here, hours_of too: each reading of a table takes milliseconds of planning.
    from subjects
), graded as (
    select
        source,
        max(tenant_id) as tenant_id,
        job_id,
        unnest(generate_series(
            date_trunc('hour', earliest), latest - interval 1 microsecond, interval 1 hour)) as "hour",
        'unknown' as state
    from subjects
    group by source, job_id, case when job_id is null then tenant_id end
    union all
    select source, tenant_id, job_id, "hour", state from hours_of(earliest, latest)
)
-- In the order of the alphabet complete comes before partial, and both before unknown.
select source, max(tenant_id) as tenant_id, job_id, "hour", min(state) as state
from graded
group by source, job_id, case when job_id is null then tenant_id end, "hour";

-- hour_ledger(earliest, latest): one row per subject and hour from earliest to latest, with the name of the app; unknown
-- where nothing touches it.
--   source     events, jobs (their status) or exchanges (SCIM requests)
--   tenant_id  the tenant
--   job_id     the job; null for SCIM requests
--   app_name   the app's name
--   hour       the hour, by its beginning
--   state      complete, partial or unknown
create or replace macro hour_ledger(earliest, latest) as table
with named_jobs as materialized (
    from job_names()
)
select l.source, l.tenant_id, l.job_id, coalesce(n.app_name, job_label(l.job_id)) as app_name, l."hour", l.state
from hour_states(earliest, latest) l
left join named_jobs n on n.job_id = l.job_id;

-- completeness: one row per subject and hour from its first to its newest covered one; between them, what nothing
-- touches is unknown.
--   source     events, jobs (their status) or exchanges (SCIM requests)
--   tenant_id  the tenant
--   job_id     the job; null for SCIM requests
--   hour       the hour, by its beginning
--   state      complete, partial or unknown
create or replace view completeness as
with covered_hours as materialized (
    from hours_of(timestamp '1970-01-01', timestamp '2100-01-01')
), graded as (
    select
        source,
        tenant_id,
        job_id,
        unnest(generate_series(min("hour"), max("hour"), interval 1 hour)) as "hour",
        'unknown' as state
    from covered_hours
    group by source, tenant_id, job_id
    union all
    from covered_hours
)
select source, tenant_id, job_id, "hour", min(state) as state
from graded
group by source, tenant_id, job_id, "hour";
