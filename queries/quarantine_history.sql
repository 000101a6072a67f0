-- When was a job in quarantine, and why?
--
-- Title    Quarantine history
-- Topic    Cycles and quarantine
--
-- Read from the job statuses; without them a quarantine shows only as missing activity. Where Graph's reason changed,
-- each reason has a row.
--
-- Parameters
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id            the job
--   app_name          the application it provisions
--   opened_at         when it began, as Graph reports it; of a later reason, the first status with it
--   closed_at         when a status first reported its end, or another reason; null while it lasts
--   hours             how long it lasted; null while it lasts
--   reason            Graph's reason
--   series_count      how often Entra looked again and kept it
--   next_attempt_at   when Entra looks again
--   error_code        the error behind it
--   error_message     Graph's words for it
with reasons as (
    -- A reason lasts until the next one is seen, or until the quarantine is over.
    select
        *,
        count_if(known_reason is distinct from before) over (partition by job_id, left_at order by observed_at) as turn
    from (
        select *, lag(known_reason) over (partition by job_id, left_at, series_at order by observed_at) as before
        from quarantine_statuses()
    )
), stretches as (
    select
        job_id,
        left_at,
        series_at,
        turn,
        min(observed_at) as seen_at,
        arg_max(app_name, observed_at) as app_name,
        any_value(known_reason) as reason,
        max(quarantine_count) as series_count,
        arg_max(next_attempt_at, observed_at) as next_attempt_at,
        arg_max(error_code, observed_at) as error_code,
        arg_max(error_message, observed_at) as error_message
    from reasons
    where ($job is null or job_id = $job) and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    group by job_id, left_at, series_at, turn
), dated as (
    select
        *,
        case when row_number() over (partition by job_id, left_at, series_at order by turn) = 1
            then coalesce(series_at, seen_at) else seen_at end as opened_at,
        coalesce(lead(seen_at) over (partition by job_id, left_at order by seen_at), left_at) as closed_at
    from stretches
)
select
    job_id,
    name_of_job(app_name, job_id) as app_name,
    opened_at,
    closed_at,
    round(date_diff('minute', opened_at, closed_at) / 60, 1) as hours,
    reason,
    series_count,
    next_attempt_at,
    error_code,
    error_message
from dated
order by opened_at desc, job_id, closed_at desc nulls first
