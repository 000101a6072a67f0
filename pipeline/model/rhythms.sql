-- Whether a job keeps its own interval.

-- rhythms_at(instants, grace): one row per instant and job: whether it keeps its own interval, judged when it was last
-- asked about, since what came later is not known. The interval is counted from the last run's end: whether Entra counts from its
-- beginning is not documented.
--   as_of        the instant
--   job_id       the job
--   tenant_id    the tenant
--   app_name     the app's name
--   runs.* without as_of, job_id, tenant_id, app_name  the run
--   due_at       when the next run is due
--   late_at      when it is late
--   dead_at      when two are missing
--   stuck        whether a running cycle does not move
--   rhythm       on_time, late, dead, running, stalled, quarantined, disabled, paused, never_run or unknown
--   since        since when
--   explanation  that in a sentence
create or replace macro rhythms_at(instants, grace) as table
with job_runs as (
    select
        coalesce(r.as_of, e.as_of) as as_of,
        coalesce(r.job_id, e.job_id) as job_id,
        coalesce(r.tenant_id, e.tenant_id) as tenant_id,
        name_of_job(coalesce(r.app_name, e.app_name), coalesce(r.job_id, e.job_id)) as app_name,
        r.* exclude (as_of, job_id, tenant_id, app_name),
        n.replaced_at,
        -- Of a job that a newer one of its app has replaced no run is expected any more.
        case when n.job_id is null then r.last_ended_at + to_seconds(r.interval_s) end as due_at,
        due_at + to_seconds(grace) as late_at,
        due_at + to_seconds(r.interval_s + grace) as dead_at,
        -- Three readings without a page more, or the grace without an event where Graph gives no pages.
        r.under_way and coalesce(r.polls_since >= 3 and r.observed_at >= r.moving_at + to_seconds(grace // 2),
            r.observed_at >= r.moving_at + to_seconds(grace), false) as stuck
    from runs(instants, grace) r
    full join (
        select i.as_of, h.job_id, max(h.tenant_id) as tenant_id, max(h.app_name) as app_name
        from (select unnest(instants) as as_of) i
        join (
            select job_id, tenant_id, app_name, min("hour") as "hour" from hourly_parts group by all
        ) h on h."hour" <= i.as_of
        group by i.as_of, h.job_id
    ) e on e.as_of = r.as_of and e.job_id is not distinct from r.job_id
    left join replaced_jobs(instants) n
        on n.as_of = coalesce(r.as_of, e.as_of) and n.job_id = coalesce(r.job_id, e.job_id)
), job_rhythms as (
    select
        *,
        case
            when replaced_at is not null then 'unknown'
            when observed_at is null
                or as_of > observed_at + to_seconds(greatest(2 * coalesce(interval_s, 0), 7200) + grace) then 'unknown'
            when state = 'Quarantine' or quarantine_since is not null then 'quarantined'
            when 'Disabled' in (state, schedule_state) then 'disabled'
            when 'Paused' in (state, schedule_state) then 'paused'
            when stuck then 'stalled'
            when under_way then 'running'
            when was_under_way then 'unknown'
            when state in ('NotRun', 'NotConfigured') then 'never_run'
            when due_at is null then 'unknown'
            when observed_at > dead_at then 'dead'
            when observed_at > late_at then 'late'
            else 'on_time'
        end as rhythm
    from job_runs
)
select
    * exclude (replaced_at),
    case rhythm
        when 'unknown' then coalesce(replaced_at, observed_at)
        when 'quarantined' then coalesce(quarantine_since, state_since)
        when 'stalled' then moving_at
        when 'running' then began_at
        when 'dead' then dead_at
        when 'late' then late_at
        when 'on_time' then last_ended_at
        else state_since
    end as since,
    case rhythm
        when 'unknown' then case
            when replaced_at is not null
                then 'A newer job of the app replaced this one on ' || instant_of(replaced_at) || '.'
            when observed_at is null then 'No status of this job was ever collected, so it is unknown whether it runs.'
            when was_under_way
                then 'A cycle was running at ' || instant_of(observed_at) || ', and its outcome is unknown.'
            when due_at is not null or interval_s is not null
                then 'No job status since ' || instant_of(observed_at) || ', so it is unknown what the job has done since.'
            else 'Graph gives no interval or no cycle for this job, so it is unknown whether one was missed.' end
        when 'quarantined' then 'Entra keeps the job in quarantine and retries less and less often'
            || coalesce(', next ' || instant_of(next_attempt_at), '') || '.'
        when 'disabled' then 'The job is disabled; nothing is provisioned.'
        when 'paused' then 'The job is paused; nothing is provisioned until it is started.'
        when 'stalled' then 'The running cycle has made no progress since ' || instant_of(moving_at) || '.'
        when 'running' then 'A cycle is running' || coalesce(', since ' || instant_of(began_at), '') || '.'
        when 'never_run' then 'The job has not completed a cycle yet.'
        when 'dead' then 'Two cycles are missing: the last ended ' || instant_of(last_ended_at)
            || ', and one is due every ' || interval_s // 60 || ' minutes.'
        when 'late' then 'The cycle due ' || instant_of(due_at) || ' had not begun ' || instant_of(observed_at) || '.'
        else 'The last cycle ended ' || instant_of(last_ended_at) || '; the next is due ' || instant_of(due_at) || '.'
    end as explanation
from job_rhythms;

-- rhythms(asked_at, grace): one row per job: its rhythm as of one instant, and how much its running cycle has done.
--   rhythms_at.* without as_of  the rhythm
--   events                      events of the running cycle so far
--   objects                     its distinct objects so far
create or replace macro rhythms(asked_at, grace) as table
with present as materialized (
    from rhythms_at([asked_at], grace)
), counted as (
    select e.job_id, count(*) as events, count(distinct e.object) as objects
    from event_spine e
    join present r on r.job_id = e.job_id and r.cycle_id = e.cycle_id
    where e.occurred_at <= asked_at and e.occurred_at > asked_at - interval 14 day
    group by e.job_id
)
select
    r.* exclude (as_of),
    case when r.under_way then coalesce(c.events, 0) end as events,
    case when r.under_way then coalesce(c.objects, 0) end as objects
from present r
left join counted c on c.job_id = r.job_id;
