-- Jobs of which nothing comes, and why.

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
create or replace macro silences(as_of, grace) as table
with jobs as (
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
), calls as (
    select app_id, occurred_at, http_status, "method"
    from app_calls
    where occurred_at <= as_of and occurred_at > as_of - interval 30 day and http_status is not null
), answered as (
    select app_id, max(occurred_at) as good_at from calls where http_status between 200 and 299 group by app_id
), failing_apps as (
    select
        c.app_id,
        any_value(a.good_at) as good_at,
        min(c.occurred_at) filter (where c.http_status in (401, 403)) as refused_at,
        min(c.occurred_at) filter (where c.http_status >= 500) as down_at
    from calls c
    left join answered a using (app_id)
    where a.good_at is null or c.occurred_at > a.good_at
    group by c.app_id
), written as (
    select k.job_id, min(c.occurred_at) as written_at
    from jobs k
    join calls c on c.app_id = k.app_id
    where c.occurred_at > k.last_event_at + to_seconds(grace)
        and c.http_status between 200 and 299
        and c."method" in ('POST', 'PUT', 'PATCH', 'DELETE')
    group by k.job_id
), exported as (
    select k.job_id, min(x.ended_at) as exported_at
    from jobs k
    join executions x on x.job_id = k.job_id
    where x.began_at > k.last_event_at and x.seen_at <= as_of and x.exported > 0
    group by k.job_id
), collecting as (
    select min(tried_at) as failing_at
    from contacts
    where outcome = 'failed' and failures >= 3 and tried_at <= as_of and feed in ('events', 'jobs', 'container')
), classified as (
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
        t.refused_at,
        t.down_at,
        c.failing_at,
        least(w.written_at, x.exported_at) as missed_at,
        case
            when c.failing_at is not null or (k.rhythm = 'unknown' and k.observed_at is not null
                and as_of > k.observed_at + to_seconds(greatest(2 * coalesce(k.interval_s, 0), 7200) + grace))
                then 'collector_broken'
            when k.rhythm in ('paused', 'disabled') then 'paused'
            when t.refused_at is not null then 'credentials'
            when t.down_at is not null or k.error_code like '%CredentialValidationUnavailable' then 'target_down'
            when (k.rhythm = 'quarantined' or k.successive_failures > 0)
                and (k.error_code like '%Credential%' or k.error_code in ('Unauthorized', 'InsufficientRights'))
                then 'credentials'
            when k.rhythm in ('on_time', 'running') and (w.job_id is not null or x.job_id is not null)
                then 'log_export_broken'
            when k.rhythm in ('dead', 'stalled') then 'dead'
            when k.rhythm in ('on_time', 'running', 'late') then 'idle'
        end as cause
    from jobs k
    cross join collecting c
    left join answered a on a.app_id = k.app_id
    left join failing_apps t on t.app_id = k.app_id
    left join written w on w.job_id = k.job_id
    left join exported x on x.job_id = k.job_id
    where k.last_event_at is null
        or k.last_event_at <= as_of - to_seconds(2 * coalesce(k.interval_s, 2400) + grace)
)
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
    good_at
from classified;
