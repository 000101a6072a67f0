-- Which jobs show no activity, and why?
--
-- Title    Apps without activity
-- Topic    Data coverage
--
-- Distinguished by the job's schedule, its log, the app's own log and our collection. An idle job has nothing to do.
--
-- Parameters
--   $at       TIMESTAMP           the instant asked about
--   $grace    BIGINT = 1200       seconds that a run may be late
--   $job      VARCHAR = null      one job's id; null asks about all of them
--   $tenant   VARCHAR = null      one tenant's id; null asks about all of them
--
-- Columns
--   job_id           the job
--   app_name         the application it provisions
--   cause            replaced, collector_broken, paused, credentials, target_down, log_export_broken, dead or idle
--   since            when the cause was first seen
--   explanation      the cause in words
--   receiver         who can fix it
--   observed_at      when Graph last reported on the job
--   last_event_at    the newest event
--   good_at          the last call that the app answered well
select
    job_id,
    app_name,
    cause,
    since,
    explanation,
    receiver,
    observed_at,
    last_event_at,
    good_at
from silences($at::timestamp, $grace)
where ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
order by coalesce(cause, '') = 'idle', since, job_id
