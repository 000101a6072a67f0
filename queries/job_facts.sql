-- What is the state of each job, and what is unknown?
--
-- Title    App status details
-- Topic    Cycles and quarantine
--
-- The facts behind every verdict (pipeline/rules/verdict.py), as of an instant. What is missing is a fact as well: a
-- job without a status, and hours of the day before that nothing covers.
--
-- Parameters
--   $at       TIMESTAMP         the present, or the newest instant of old logs
--   $grace    BIGINT = 1200     seconds that a run may be late
--
-- Columns
--   job_id          the job
--   tenant_id       the tenant; null where the log names none
--   app_name        the application it provisions
--   state           on_time, late, dead, running, stalled, quarantined, disabled, paused, never_run or unknown
--   since           since when
--   kind            initial, restarted or incremental: the running cycle
--   reason          Graph's reason for a quarantine
--   error_code      the error code of the newest status
--   observed_at     the newest status; null where none was read
--   last_event_at   the newest event; null where none was read
--   covered_until   until when provisioning logs are covered; null where nothing covers any
--   unknown_hours   of the 24 full hours before, those that no log covers, or in which Graph counts more than the log
--   gap_at          the first of them
--   gap_until       the last of them
--   succeeded       attempts of the day before that succeeded
--   failed          attempts of the day before that failed
--   failing         users and groups whose last attempt failed
--   failing_groups  how many of them are groups; null where the log lacks the type of one
--   failing_since   since when the first of them has been failing
--   leavers         users who should be disabled or deleted, and have an account in use
--   leavers_since   since when the first of them should
--   staged          deletions that are held back
--   rejected        users and groups with a change that Entra reports as done and the app rejected, removals apart
--   rejected_since  since when the first of them
--   replaced_at     since when a newer job of the same app has replaced it; null where none has
--   escrowed        users and groups in error by Graph's count, if its status is newer than every event
with status as (
    from rhythms($at::timestamp, $grace)
), day as (
    select job_id,
        sum(events) filter (status = 'success') as succeeded, sum(events) filter (status = 'failure') as failed
    from hourly
    where "hour" > $at::timestamp - interval 1 day and "hour" <= $at
    group by job_id
), covered as (
    select job_id, lower(tenant_id) as tenant_id, until from stretches where source = 'events'
), seen as (
    select job_id, max(last_event_at) as last_event_at from identity_parts where last_event_at <= $at group by job_id
), open_attempts as (
    select job_id, count(*) as objects,
        case when bool_and(source_type is not null) then count(*) filter (source_type = 'Group') end as groups
    from identities
    where state = 'failing'
    group by job_id
), waiting as (
    select job_id, min(opened_at) as since from waiting_escrows group by job_id
), leaving as (
    select
        job_id,
        count(*) filter (where outcome = 'open' and not was_gone) as leavers,
        min(started_at) filter (where outcome = 'open' and not was_gone) as since,
        count(*) filter (where outcome = 'held back') as staged
    from leaver_cases($at::timestamp + interval 1 second, unended := true)
    group by job_id
), rejected as (
    select job_id, count(*) as objects, min(since) as since
    from rejected_as_of([$at::timestamp]) where "action" not in ('disable', 'delete') group by job_id
)
select
    s.job_id,
    s.tenant_id,
    s.app_name,
    s.rhythm as state,
    s.since,
    s.kind,
    s.quarantine_reason as reason,
    s.error_code,
    s.observed_at,
    e.last_event_at,
    greatest(e.last_event_at, c.until, t.until) as covered_until,
    coalesce(l.unknown_hours, 24) as unknown_hours,
    l.gap_at,
    l.gap_until,
    coalesce(d.succeeded, 0)::bigint as succeeded,
    coalesce(d.failed, 0)::bigint as failed,
    coalesce(f.objects, 0) as failing,
    f.groups as failing_groups,
    w.since as failing_since,
    coalesce(g.leavers, 0) as leavers,
    g.since as leavers_since,
    coalesce(g.staged, 0) as staged,
    coalesce(r.objects, 0) as rejected,
    r.since as rejected_since,
    n.replaced_at,
    case when s.observed_at >= e.last_event_at then coalesce(s.escrowed, 0) else 0 end as escrowed
from status s
left join day d using (job_id)
left join unlogged_hours($at::timestamp) l using (job_id)
left join (select job_id, max(until) as until from covered group by job_id) c on c.job_id = s.job_id
left join (select tenant_id, max(until) as until from covered where job_id is null group by tenant_id) t
    on t.tenant_id is not distinct from lower(s.tenant_id)
left join seen e on e.job_id = s.job_id
left join open_attempts f on f.job_id = s.job_id
left join waiting w on w.job_id = s.job_id
left join leaving g on g.job_id = s.job_id
left join rejected r on r.job_id = s.job_id
left join replaced_jobs([$at::timestamp]) n on n.job_id = s.job_id
where s.job_id is not null
order by s.app_name, s.job_id
