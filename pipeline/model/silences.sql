-- Jobs of which nothing comes, and why.

-- silent_jobs(instants, grace): one row per instant and job of which nothing comes, with the cause and what is known of
-- it then.
--   as_of          the instant
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
--   replaced_at    since when a newer job of the app has replaced it
--   cause          replaced, collector_broken, paused, credentials, target_down, log_export_broken, dead, idle or null
create or replace macro silent_jobs(instants, grace) as table
with ended_parts as (
    select job_id, began_at, max(max(ended_at)) over (partition by job_id order by began_at) as ended_at
    from cycle_parts
    where began_at <= list_max(instants)
    group by job_id, began_at
), apps as (
    select job_id, observed_at, arg_max(app_id, observed_at) over past as app_id,
        arg_max(escrows_pruned, observed_at) over past as pruned
    from job_snapshots
    where observed_at <= list_max(instants)
    window past as (partition by job_id order by observed_at)
), jobs as materialized (
    -- rhythms_at has a last_event_at too, of the cycle under way alone.
    select r.* exclude (last_event_at, app_id), e.ended_at as last_event_at, j.app_id, j.pruned
    from rhythms_at(instants, grace) r
    asof left join ended_parts e on e.job_id = r.job_id and r.as_of >= e.began_at
    asof left join (
        select job_id, observed_at, any_value(app_id) as app_id, any_value(pruned) as pruned from apps group by all
    ) j on j.job_id = r.job_id and r.as_of >= j.observed_at
), quiet_jobs as materialized (
    from jobs
    where last_event_at is null
        or last_event_at <= as_of - to_seconds(2 * coalesce(interval_s, 2400) + grace)
), collecting as (
    select i.as_of, min(c.tried_at) as failing_at
    from (select unnest(instants) as as_of) i
    left join contacts c on c.outcome = 'failed' and c.failures >= 3 and c.tried_at <= i.as_of
        and c.feed in ('events', 'jobs', 'container')
    group by i.as_of
), calls as materialized (
    select app_id, occurred_at, http_status, "method"
    from entra_calls(list_min(instants) - interval 30 day, list_max(instants))
    where http_status is not null
)
select
    k.as_of,
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
    case when not coalesce(g.began_at > a.refused_at, false) then a.refused_at end as refused_at,
    a.down_at,
    c.failing_at,
    w.missed_at,
    a.job_id is not null as has_log,
    p.replaced_at,
    case
        when p.job_id is not null then 'replaced'
        when c.failing_at is not null or (k.rhythm = 'unknown' and k.observed_at is not null
            and k.as_of > k.observed_at + to_seconds(greatest(2 * coalesce(k.interval_s, 0), 7200) + grace))
            then 'collector_broken'
        when k.rhythm in ('paused', 'disabled') then 'paused'
        -- A run that succeeded since then shows that it was not Entra that was rejected.
        when a.refused_at is not null and not coalesce(g.began_at > a.refused_at, false) then 'credentials'
        when a.down_at is not null or k.error_code like '%CredentialValidationUnavailable' then 'target_down'
        when (k.rhythm = 'quarantined' or k.successive_failures > 0)
            and (k.error_code like '%Credential%' or k.error_code in ('Unauthorized', 'InsufficientRights'))
            then 'credentials'
        when k.rhythm in ('on_time', 'running') and w.job_id is not null
            then 'log_export_broken'
        when k.rhythm in ('dead', 'stalled') then 'dead'
        when k.rhythm in ('on_time', 'running', 'late') then 'idle'
    end as cause
from quiet_jobs k
join collecting c on c.as_of = k.as_of
left join replaced_jobs(instants) p on p.as_of = k.as_of and p.job_id = k.job_id
left join successful_runs(instants) g on g.as_of = k.as_of and g.job_id = k.job_id
left join app_answers('quiet_jobs', 'calls') a on a.as_of = k.as_of and a.job_id = k.job_id
left join unlogged_writes('quiet_jobs', 'calls', grace) w on w.as_of = k.as_of and w.job_id = k.job_id;

-- silences_at(instants, grace): one row per instant and job of which nothing comes, with the cause by what else is known
-- then: its rhythm, its log, the app's own log and our collection. A job whose last event is younger than two
-- intervals and the grace is left out.
--   as_of          the instant
--   job_id         the job
--   app_name       the app's name
--   tenant_id      the tenant
--   cause          replaced, collector_broken, paused, credentials, target_down, log_export_broken, dead, idle or null
--   since          since when
--   explanation    that in a sentence
--   receiver       who can fix it
--   rhythm         the job's rhythm
--   observed_at    the newest status
--   last_event_at  the newest event
--   good_at        the app's newest successful answer
--   shown_by       what shows the cause: app_log, job_status or collection
create or replace macro silences_at(instants, grace) as table
select
    as_of,
    job_id,
    app_name,
    tenant_id,
    cause,
    coalesce(case cause
        when 'replaced' then replaced_at
        when 'collector_broken' then coalesce(failing_at, observed_at)
        -- The app's log may lie in several files, of which only some name the app; Graph dates the first refusal as well.
        when 'credentials' then least(refused_at, case when refused_at is null or doubted then rhythm_since end)
        when 'target_down' then coalesce(down_at, rhythm_since)
        when 'log_export_broken' then missed_at
        when 'idle' then last_event_at
        else rhythm_since
    end, last_event_at, observed_at, as_of) as since,
    case cause
        when 'replaced' then 'replaced by a newer job of the same app since ' || instant_of(replaced_at)
        -- Statuses of one job alone may end since it was deleted: only a feed that fails shows that collection does.
        when 'collector_broken' then case when failing_at is not null then 'data collection fails'
            else 'no recent job status' end || ', so it is unknown what the job does'
        when 'paused' then case when pruned
            then 'Entra paused the job and cleared its failures: too many failed in the first cycle'
            else 'the job is paused or disabled' end
        when 'credentials' then case when has_scim_token(job_id)
            -- Without the app's answer Unauthorized leaves open whether the token or a right is missing.
            then if(refused_at is null and error_code = 'Unauthorized', 'the app does not let Entra do this',
                'the app rejects the token')
            else 'the sign-in of the job''s account is rejected' end
        when 'target_down' then 'the app cannot be reached or answers with errors'
        when 'log_export_broken' then 'the job writes to the app, but its events do not arrive here'
        when 'dead' then 'the job no longer runs'
        when 'idle' then 'up to date: its cycles find nothing to change'
        else 'the cause is unknown'
    end as explanation,
    case cause
        when 'collector_broken' then 'the administrator of this installation'
        when 'paused' then 'the application administrator'
        when 'credentials' then 'the application administrator, or the vendor if only they issue tokens'
        when 'target_down' then 'the app''s operator'
        when 'log_export_broken' then 'the owner of the diagnostic setting'
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
from silent_jobs(instants, grace);

-- silences(asked_at, grace): the rows of silences_at as of one instant.
--   silences_at.* without as_of  the silence
create or replace macro silences(asked_at, grace) as table
select * exclude (as_of) from silences_at([asked_at], grace);
