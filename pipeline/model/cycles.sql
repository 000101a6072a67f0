-- A job's iterations, from its events and from Graph's own report of its runs.

-- logged_cycles(): one row per cycle that events name.
--   job_id          the job
--   cycle_id        the cycle
--   app_name        the app's name
--   first_event_at  the first event
--   last_event_at   the last event
--   events          its events
--   objects         distinct objects
--   succeeded       events that succeeded
--   failed          events that failed
--   skipped         events that were skipped
--   warnings        events with a warning
--   worked_ms       the sum of the events' durations
--   retries         the sum of the events' retry counts
create or replace macro logged_cycles() as table
with counted as (
    select
        job_id,
        cycle_id,
        max(app_name) as app_name,
        min(began_at) as first_event_at,
        max(ended_at) as last_event_at,
        sum(events)::bigint as events,
        sum(objects)::bigint as objects,
        count(*) as parts,
        sum(succeeded)::bigint as succeeded,
        sum(failed)::bigint as failed,
        sum(skipped)::bigint as skipped,
        sum(warnings)::bigint as warnings,
        sum(worked_ms)::bigint as worked_ms,
        sum(retries)::bigint as retries
    from cycle_parts
    group by job_id, cycle_id
), united_objects as (
    -- Only the cycles that several transactions brought need their objects united.
    select job_id, cycle_id, len(list_distinct(flatten(list(object_keys)))) as objects
    from cycle_parts
    where (job_id, cycle_id) in (select (job_id, cycle_id) from counted where parts > 1)
    group by job_id, cycle_id
)
select c.* exclude (parts) replace (coalesce(u.objects, c.objects) as objects)
from counted c
left join united_objects u on u.job_id is not distinct from c.job_id and u.cycle_id = c.cycle_id;

-- timed_cycles(): one row per cycle that events name or Graph reported, with its beginning and end by both.
--   job_id          the job
--   cycle_id        the cycle; made up where only the status shows it
--   app_name        the app's name
--   first_event_at  the first event
--   last_event_at   the last event
--   events          its events
--   objects         distinct objects
--   succeeded       events that succeeded
--   failed          events that failed
--   skipped         events that were skipped
--   warnings        events with a warning
--   worked_ms       the sum of the events' durations
--   retries         the sum of the events' retry counts
--   began_at        its beginning
--   ended_at        its end
--   state           Graph's word for how it ended
--   escrowed        objects that await a retry, by the status
--   exported        objects written to the app, where only the status shows it
--   seen_by         log, status or both
create or replace macro timed_cycles() as table
with logged as materialized (
    from logged_cycles()
), placed_executions as (
    -- An event's instant is floored to the second, so an execution is taken from the beginning of its own.
    select
        e.*,
        case when l.last_event_at >= date_trunc('second', e.began_at) then l.cycle_id end as cycle_id
    from executions e
    asof left join (select job_id, cycle_id, first_event_at, last_event_at from logged) l
        on e.job_id = l.job_id and e.ended_at >= l.first_event_at
), reported_cycles as (
    select
        job_id,
        cycle_id,
        min(began_at) as began_at,
        max(ended_at) as ended_at,
        arg_max(state, ended_at) as state,
        arg_max(escrowed, ended_at) as escrowed
    from placed_executions
    where cycle_id is not null
    group by job_id, cycle_id
)
-- An execution widens its cycle, though never into the cycle before or after.
select
    l.*,
    case when r.job_id is null then first_event_at
        else least(first_event_at, greatest(r.began_at, lag(last_event_at) over job)) end as began_at,
    case when r.job_id is null then last_event_at
        else greatest(last_event_at, least(r.ended_at, lead(first_event_at) over job)) end as ended_at,
    r.state,
    r.escrowed,
    null::bigint as exported,
    case when r.job_id is null then 'log' else 'both' end as seen_by
from logged l
left join reported_cycles r on r.job_id = l.job_id and r.cycle_id = l.cycle_id
window job as (partition by l.job_id order by first_event_at, l.cycle_id)
union all by name
select
    job_id,
    strftime(began_at, 'execution-%Y%m%dT%H%M%S.%g') as cycle_id,
    app_name,
    0 as events,
    0 as objects,
    0 as succeeded,
    0 as failed,
    0 as skipped,
    0 as warnings,
    began_at,
    ended_at,
    state,
    escrowed,
    exported,
    'status' as seen_by
from placed_executions
where cycle_id is null;

-- cycles: one row per iteration of a job, from its events, its execution or both. They belong together by their times:
-- that Graph's activity id is the log's cycle id is not documented. An execution without an event is a cycle as well.
--   job_id          the job
--   cycle_id        the cycle; made up where only the status shows it
--   app_name        the app's name
--   began_at        its beginning, by both sources
--   ended_at        its end, by both sources
--   kind            initial, incremental, restarted or steady; null where nothing decides it
--   outcome         what the log shows: succeeded, errors (some or all attempts failed) or nothing_to_do (nobody was
--                   tried); failed where Graph says that the run failed; null where neither shows it
--   reported_outcome  Graph's own word: Succeeded, EntryLevelErrors or Failed; null without a status
--   events          its events
--   objects         distinct objects
--   succeeded       events that succeeded
--   failed          events that failed
--   skipped         events that were skipped
--   warnings        events with a warning
--   duration_ms     from beginning to end
--   seen_by         log, status or both
--   first_event_at  the first event
--   last_event_at   the last event
--   worked_ms       the sum of the events' durations
--   retries         the sum of the events' retry counts
--   escrowed        objects that await a retry, by the status
create or replace view cycles as
with classified as (
    select
        c.*,
        s.job_id is not null as has_status,
        s.first_steady_at,
        s.assigned_objects,
        case when s.reports[-1].until > c.ended_at then list_filter(s.reports, lambda t: t.until >= c.ended_at)[1].since
            else s.newest end as steady_since
    from timed_cycles() c
    left join steadiness() s on s.job_id = c.job_id
)
select
    c.job_id,
    c.cycle_id,
    c.app_name,
    c.began_at,
    c.ended_at,
    case
        when not c.has_status then null
        when coalesce(c.steady_since > c.began_at, true)
            then case when c.first_steady_at < c.began_at then 'restarted' else 'initial' end
        -- Whoever touches most of what is there reads everything anew: a restart that left the steady state alone.
        when c.objects >= 50 and c.objects >= 0.8 * c.assigned_objects and c.assigned_objects > 0 then 'restarted'
        when c.events = 0 and coalesce(c.state, '') <> 'Failed' and c.exported = 0 then 'steady'
        else 'incremental'
    end as kind,
    case
        when c.state = 'Failed' then 'failed'
        when c.failed > 0 or c.events = 0 and c.state = 'EntryLevelErrors' then 'errors'
        when c.succeeded + c.warnings > 0 or c.exported > 0 then 'succeeded'
        when c.events > 0 or c.exported = 0 then 'nothing_to_do'
    end as outcome,
    c.state as reported_outcome,
    c.events,
    c.objects,
    c.succeeded,
    c.failed,
    c.skipped,
    c.warnings,
    date_diff('millisecond', c.began_at, c.ended_at) as duration_ms,
    c.seen_by,
    c.first_event_at,
    c.last_event_at,
    c.worked_ms,
    c.retries,
    c.escrowed
from classified c;
