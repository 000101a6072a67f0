-- What follows of a job's iterations, running and past. Read after derived.sql; a view uses those above it.

-- cycles: one iteration of a job, from its events: the log itself says neither when a cycle begins nor its kind.
create or replace view cycles as
select
    c.job_id,
    c.cycle_id,
    c.app_name,
    c.began_at,
    c.ended_at,
    case
        when s.steady_since is null and c.ordinal = 1 then 'initial'
        when s.steady_since is null then null
        when c.began_at < s.steady_since then 'initial'
        else 'incremental'
    end as kind,
    case
        when c.failed = 0 then 'Succeeded'
        when c.succeeded + c.warnings = 0 then 'Failed'
        else 'EntryLevelErrors'
    end as outcome,
    c.events,
    c.objects,
    c.succeeded,
    c.failed,
    c.skipped,
    c.warnings,
    date_diff('millisecond', c.began_at, c.ended_at) as duration_ms
from (
    select
        job_id,
        cycle_id,
        max(app_name) as app_name,
        min(occurred_at) as began_at,
        max(occurred_at) as ended_at,
        count(*) as events,
        count(distinct source_id) as objects,
        count(*) filter (where status = 'success') as succeeded,
        count(*) filter (where status = 'failure') as failed,
        count(*) filter (where status = 'skipped') as skipped,
        count(*) filter (where status = 'warning') as warnings,
        row_number() over (partition by job_id order by min(occurred_at), cycle_id) as ordinal
    from events
    where cycle_id is not null
    group by job_id, cycle_id
) c
left join (
    select job_id, arg_max(steady_since, observed_at) as steady_since
    from job_snapshots
    group by job_id
) s on s.job_id is not distinct from c.job_id;
