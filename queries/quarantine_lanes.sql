-- What was each job's status over time: healthy, watched, near quarantine, in it, disabled, or unknown?
--
-- Title    Job status history
-- Topic    Cycles and quarantine
--
-- A status holds until the next one, though no longer than `gap` seconds: after that it is unknown. Watch and imminent
-- are what the alert rules found of a job that was healthy by its status; a rule that was never evaluated found
-- nothing.
--
-- Parameters
--   $since    TIMESTAMP           start of the window, inclusive
--   $until    TIMESTAMP           end of the window, exclusive
--   $at       TIMESTAMP           the present, or the newest instant of old logs; nothing after it is known
--   $gap      BIGINT = 21600      seconds for which a status holds at most
--   $job      VARCHAR = null      one job's id; null asks about all of them
--   $tenant   VARCHAR = null      one tenant's id; null asks about all of them
--
-- Columns
--   job_id      the job
--   app_name    the application it provisions, or the job's id
--   word        healthy, watch, imminent, quarantined, switched_off, paused, never_run or unknown
--   began_at    when the stretch began
--   ended_at    when it ended
--   why         the reason of a quarantine, or the rules that found something
with jobs as (
    select job_id, coalesce(arg_max(app_name, seen_at), job_label(job_id)) as app_name
    from (
        select job_id, app_name, "hour" as seen_at from hourly_parts
        union all select job_id, app_name, observed_at from job_snapshots
    )
    where job_id is not null
        and ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    group by job_id
), statuses as (
    select *, lag(observed_at) over each as earlier_at, lead(observed_at) over each as later_at
    from job_snapshots
    where observed_at >= $since::timestamp - to_seconds($gap) and observed_at < $until and observed_at <= $at
    window each as (partition by job_id order by observed_at)
), status_spans as (
    select
        job_id,
        case when state = 'Quarantine' and quarantine_since between coalesce(earlier_at, $since) and observed_at
            then quarantine_since else observed_at end as began_at,
        coalesce(later_at, least($until, $at)) as later_at,
        job_condition(state, schedule_state) as word,
        case when state = 'Quarantine' then quarantine_reason end as why
    from statuses
), warnings as (
    select job_id, opened_at, coalesce(closed_at, $until) as closed_at, "rule",
        "rule" not in ('escrow_growth', 'mass_leavers') as is_imminent
    from incidents
    where opened_at < $until
        and "rule" in ('quarantine_ahead', 'failing_runs', 'token_refused', 'escrow_growth', 'mass_leavers')
), moment as (
    select job_id, $since::timestamp as began_at from jobs
    union
    select job_id, unnest([began_at, least(began_at + to_seconds($gap), later_at)]) from status_spans
    union
    select job_id, unnest([opened_at, closed_at]) from warnings
), piece as (
    select
        job_id,
        greatest(began_at, $since) as began_at,
        lead(began_at, 1, least($until, $at)) over (partition by job_id order by began_at) as ended_at
    from moment
    where began_at < least($until, $at)
), state_pieces as (
    select p.*, if(p.began_at < h.began_at + to_seconds($gap), h.word, null) as word, h.why
    from piece p
    asof left join status_spans h on h.job_id = p.job_id and p.began_at >= h.began_at
    where p.ended_at > p.began_at
), judged as (
    select s.job_id, s.began_at, s.ended_at,
        case
            when any_value(s.word) is null then 'unknown'
            when any_value(s.word) <> 'healthy' then any_value(s.word)
            when bool_or(f.is_imminent) then 'imminent'
            when count(f."rule") > 0 then 'watch'
            else 'healthy'
        end as word,
        coalesce(any_value(s.why), string_agg(distinct f."rule", ', ' order by f."rule")
            filter (where s.word = 'healthy')) as why
    from state_pieces s
    left join warnings f on f.job_id = s.job_id and f.opened_at <= s.began_at and f.closed_at > s.began_at
    group by s.job_id, s.began_at, s.ended_at
), run as (
    select *, count(*) filter (where turned) over (partition by job_id order by began_at) as nth
    from (
        select *, (word, why) is distinct from lag((word, why)) over (partition by job_id order by began_at) as turned
        from judged
    )
)
select r.job_id, j.app_name, r.word, min(r.began_at) as began_at, max(r.ended_at) as ended_at, any_value(r.why) as why
from run r
join jobs j using (job_id)
group by r.job_id, j.app_name, r.nth, r.word
order by j.app_name, r.job_id, began_at
