-- Which jobs are in quarantine?
--
-- A job is as its newest status says; without any status nothing is said.
--
-- Parameters
--   $at    TIMESTAMP    the instant asked about
--
-- Severity
--   critical
--
-- Needs
--   jobs 6 hours
--
-- Fires
--   when the newest status of a job says Quarantine, whatever the reason.
--
-- Silent
--   where no status is collected: the log itself never says quarantine.
--
-- Do
--   Open the page Quarantine: it names the reason, the first call that failed and what ends it. Nobody is provisioned
--   to the app meanwhile, leavers neither; after 28 days Entra switches the job off.
--
-- Page
--   quarantine
--
-- Columns
--   subject            the job
--   since              when the quarantine began, by Graph's own date where it gives one
--   summary            the sentence
--   app_name           the application
--   job_id             the job
--   reason             Graph's reason
--   series_count       how often it was tried and kept
--   next_attempt_at    when Entra tries again
--   disabled_at        when Entra gives the job up, 28 days after it began
--   error_code         the newest error
--   error_message      its text
select
    job_id as subject,
    coalesce(quarantine_since, observed_at) as since,
    coalesce(app_name, job_id) || ' is in quarantine: ' || coalesce(quarantine_reason, 'Graph gives no reason')
        as summary,
    app_name,
    job_id,
    quarantine_reason as reason,
    quarantine_count as series_count,
    next_attempt_at,
    coalesce(quarantine_since, observed_at) + interval 28 day as disabled_at,
    error_code,
    error_message
from (
    select *, row_number() over (partition by job_id order by observed_at desc, snapshot_id) as nth
    from job_snapshots
    where observed_at <= $at
)
where nth = 1 and state = 'Quarantine'
order by since, subject
