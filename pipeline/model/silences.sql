-- Jobs of which nothing comes, and why.

-- app_answers(calls): one row per app with answers among a table of app_calls.
--   app_id      the app's service principal
--   good_at     the newest successful answer
--   refused_at  the first refusal of the token since then; null where there is none
--   down_at     the first failure of its own since then; null where there is none
create or replace macro app_answers(calls) as table
with answered as (
    select app_id, max(occurred_at) filter (where http_status between 200 and 299) as good_at
    from query_table(calls)
    group by app_id
)
select
    a.app_id,
    any_value(a.good_at) as good_at,
    min(c.occurred_at) filter (where c.http_status in (401, 403)) as refused_at,
    min(c.occurred_at) filter (where c.http_status >= 500) as down_at
from answered a
left join query_table(calls) c on c.app_id = a.app_id and (a.good_at is null or c.occurred_at > a.good_at)
group by a.app_id;

-- unlogged_writes(jobs, calls, as_of, grace): one row per job of a table that wrote to its app after its last event;
-- calls are app_calls.
--   job_id     the job
--   missed_at  the first write, by the app's log or by the job's status
create or replace macro unlogged_writes(jobs, calls, as_of, grace) as table
select job_id, min(written_at) as missed_at
from (
    select k.job_id, c.occurred_at as written_at
    from query_table(jobs) k
    join query_table(calls) c on c.app_id = k.app_id
    where c.occurred_at > k.last_event_at + to_seconds(grace)
        and c.http_status between 200 and 299
        and c."method" in ('POST', 'PUT', 'PATCH', 'DELETE')
    union all
    select k.job_id, x.ended_at
    from query_table(jobs) k
    join executions x on x.job_id = k.job_id
    where x.began_at > k.last_event_at and x.seen_at <= as_of and x.exported > 0
)
group by job_id;

-- silent_jobs(as_of, grace): one row per job of which nothing comes, with the cause and what is known of it, as of an
-- instant.
--   job_id         the job
--   app_name       the app's name
--   tenant_id      the tenant
--   rhythm         the job's rhythm
--   observed_at    the newest status
--   last_event_at  the newest event
--   good_at        the app's newest successful answer
--   pruned         whether Entra cleared the failures
--   error_code     the status's error
--   rhythm_since   since when the rhythm is so
--   doubted        whether the quarantine's credentials error stands against the app's own answers
--   refused_at     the app's first refusal
--   down_at        the app's first failure
--   failing_at     since when our collection fails
--   missed_at      the first write that no event reports
--   has_log        whether the app's own log has answers
--   cause          collector_broken, paused, credentials, target_down, log_export_broken, dead, idle or null
create or replace macro silent_jobs(as_of, grace) as table
with jobs as materialized (
    -- rhythms has a last_event_at too, of the cycle under way alone.
    select r.* exclude (last_event_at, app_id), e.last_event_at, j.app_id, j.pruned
    from rhythms(as_of, grace) r
    left join (
        select job_id, max(ended_at) as last_event_at from cycle_parts where began_at <= as_of group by job_id
    ) e using (job_id)
    left join (
        select job_id, arg_max(app_id, observed_at) as app_id, arg_max(escrows_pruned, observed_at) as pruned
        from job_snapshots
        where observed_at <= as_of
        group by job_id
    ) j using (job_id)
), collecting as (
    select min(tried_at) as failing_at
    from contacts
    where outcome = 'failed' and failures >= 3 and tried_at <= as_of and feed in ('events', 'jobs', 'container')
), calls as materialized (
    select app_id, occurred_at, http_status, "method"
    from app_calls
    where occurred_at <= as_of and occurred_at > as_of - interval 30 day and http_status is not null
)
select
    k.job_id,
    k.app_name,
    k.tenant_id,
    k.rhythm,
    k.observed_at,
    k.last_event_at,
    a.good_at,
    k.pruned,
    k.error_code,
    k.since as rhythm_since,
    k.rhythm = 'quarantined' and k.error_code like '%Credential%' as doubted,
    a.refused_at,
    a.down_at,
    c.failing_at,
    w.missed_at,
    a.app_id is not null as has_log,
    case
        when c.failing_at is not null or (k.rhythm = 'unknown' and k.observed_at is not null
            and as_of > k.observed_at + to_seconds(greatest(2 * coalesce(k.interval_s, 0), 7200) + grace))
            then 'collector_broken'
        when k.rhythm in ('paused', 'disabled') then 'paused'
        when a.refused_at is not null then 'credentials'
        when a.down_at is not null or k.error_code like '%CredentialValidationUnavailable' then 'target_down'
        when (k.rhythm = 'quarantined' or k.successive_failures > 0)
            and (k.error_code like '%Credential%' or k.error_code in ('Unauthorized', 'InsufficientRights'))
            then 'credentials'
        when k.rhythm in ('on_time', 'running') and w.job_id is not null
            then 'log_export_broken'
        when k.rhythm in ('dead', 'stalled') then 'dead'
        when k.rhythm in ('on_time', 'running', 'late') then 'idle'
    end as cause
from jobs k
cross join collecting c
left join app_answers('calls') a on a.app_id = k.app_id
left join unlogged_writes('jobs', 'calls', as_of, grace) w on w.job_id = k.job_id
where k.last_event_at is null
    or k.last_event_at <= as_of - to_seconds(2 * coalesce(k.interval_s, 2400) + grace);

-- silences(as_of, grace): one row per job of which nothing comes, with the cause by what else is known as of an
-- instant: its rhythm, its log, the app's own log and our collection. A job whose last event is younger than two
-- intervals and the grace is left out.
--   job_id         the job
--   app_name       the app's name
--   tenant_id      the tenant
--   cause          collector_broken, paused, credentials, target_down, log_export_broken, dead, idle or null
--   since          since when
--   explanation    that in a sentence
--   receiver       who can fix it
--   rhythm         the job's rhythm
--   observed_at    the newest status
--   last_event_at  the newest event
--   good_at        the app's newest successful answer
--   shown_by       what shows the cause: app_log, job_status or collection
create or replace macro silences(as_of, grace) as table
select
    job_id,
    app_name,
    tenant_id,
    cause,
    coalesce(case cause
        when 'collector_broken' then coalesce(failing_at, observed_at)
        -- The app's log may lie in several files, of which only some name the app; Graph dates the first refusal as well.
        when 'credentials' then least(refused_at, case when refused_at is null or doubted then rhythm_since end)
        when 'target_down' then coalesce(down_at, rhythm_since)
        when 'log_export_broken' then missed_at
        when 'idle' then last_event_at
        else rhythm_since
    end, last_event_at, observed_at, as_of) as since,
    case cause
        when 'collector_broken' then 'our own collection does not get through, so nobody knows what the job does'
        when 'paused' then case when pruned
            then 'Entra paused the job: so much failed in its first cycle that it cleared the failures'
            else 'somebody paused the job or switched it off; nothing is provisioned' end
        when 'credentials' then 'the app refuses the token'
        when 'target_down' then 'the app cannot be reached or answers with errors of its own'
        when 'log_export_broken' then 'the job writes to the app, and its events do not reach us'
        when 'dead' then 'the job does not run any more'
        when 'idle' then 'the job runs and has nothing to do'
        else 'what is known does not tell why'
    end as explanation,
    case cause
        when 'collector_broken' then 'whoever runs this installation'
        when 'paused' then 'the application administrator'
        when 'credentials' then 'the application administrator, and the vendor where only they make tokens'
        when 'target_down' then 'whoever operates the app'
        when 'log_export_broken' then 'whoever owns the diagnostic setting'
        when 'dead' then 'the application administrator'
    end as receiver,
    rhythm,
    observed_at,
    last_event_at,
    good_at,
    case
        when coalesce(cause = 'collector_broken' and failing_at is not null, false) then 'collection'
        when cause = 'credentials' and refused_at is not null or cause = 'target_down' and down_at is not null
            or cause = 'log_export_broken' and has_log then 'app_log'
        else 'job_status'
    end as shown_by
from silent_jobs(as_of, grace);
