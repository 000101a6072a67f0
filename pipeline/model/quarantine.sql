-- Quarantines, and the limits that lead to one.

-- quarantine_statuses(): one row per status of a job in quarantine. A quarantine ends with a status that is not in one,
-- or with one of another series: between two series the job was out of it, seen or not.
--   job_snapshots.*  the status, as in the table
--   left_at          the next status without quarantine; null where there is none yet
--   series_at        when the quarantine's series began, by Graph; null where Graph never said
--   known_reason     its reason, by the newest status that says one
create or replace macro quarantine_statuses() as table
select
    * exclude (quarantined),
    coalesce(
        last_value(quarantine_since ignore nulls) over so_far,
        first_value(quarantine_since ignore nulls)
            over (so_far rows between unbounded preceding and unbounded following)
    ) as series_at,
    last_value(quarantine_reason ignore nulls) over so_far as known_reason
from (
    select
        *,
        min(case when not quarantined then observed_at end)
            over (partition by job_id order by observed_at rows between current row and unbounded following) as left_at
    from (select *, state = 'Quarantine' or quarantine_since is not null as quarantined from job_snapshots)
)
where quarantined
window so_far as (partition by job_id, left_at order by observed_at);

-- quarantines: one row per unbroken run of a job's statuses in quarantine, of one series, until a newer job of its app
-- replaces the job.
--   job_id           the job
--   app_name         the app's newest name in it
--   opened_at        Graph's own date where it gave one, else the first such status
--   closed_at        the first status out of it, or when the job was replaced; null while it lasts
--   reason           Graph's newest reason
--   series_count     Graph's count of quarantines in a series
--   next_attempt_at  when Entra tries again
--   error_code       the newest error's code
--   error_message    the newest error's text
create or replace view quarantines as
select
    job_id,
    arg_max(app_name, observed_at) as app_name,
    coalesce(series_at, min(observed_at)) as opened_at,
    coalesce(
        lead(min(observed_at)) over (partition by job_id, left_at order by min(observed_at)), left_at,
        any_value(replaced_at)
    ) as closed_at,
    arg_max(quarantine_reason, observed_at) as reason,
    max(quarantine_count) as series_count,
    arg_max(next_attempt_at, observed_at) as next_attempt_at,
    arg_max(error_code, observed_at) as error_code,
    arg_max(error_message, observed_at) as error_message
from quarantine_statuses()
left join job_successors using (job_id)
group by job_id, left_at, series_at;

-- quarantine_verdict(non_reference, reference, succeeded, least, part, most, altogether): which limit of Microsoft's a
-- job has crossed: total, count or share; else watched, from which number of failures on the share is looked at, or
-- below. Microsoft calls the numbers approximate, so each can be given.
create or replace macro quarantine_verdict(
    non_reference, reference, succeeded, least := 5000, part := 0.4, most := 40000, altogether := 60000
) as
    case
        when non_reference + reference > altogether then 'total'
        when non_reference > most then 'count'
        when non_reference >= least and non_reference > part * (non_reference + succeeded) then 'share'
        when non_reference >= least then 'watched'
        else 'below'
    end;

-- job_condition(state, schedule_state): a job's condition by Graph's state and its schedule. Graph's state of one that
-- Entra has switched off is not documented, so the schedule decides.
create or replace macro job_condition(state, schedule_state) as
    case
        when state = 'Quarantine' then 'quarantined'
        when schedule_state = 'Disabled' and state <> 'NotConfigured' then 'switched_off'
        when state = 'Paused' or schedule_state = 'Paused' then 'paused'
        when state in ('NotRun', 'NotConfigured') then 'never_run'
        when state = 'Active' then 'healthy'
        else 'unknown'
    end;
