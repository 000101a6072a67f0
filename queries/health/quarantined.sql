-- Which jobs are in quarantine?
--
-- Title    App in quarantine
-- Topic    Cycles and quarantine
--
-- A job is as its newest status says; without any status nothing is said.
--
-- Parameters
--   $at    TIMESTAMP[]  the instants asked about
--
-- Severity
--   critical
--
-- Needs
--   jobs 6 hours
--
-- Explained by
--   token_refused where reason is none, EncounteredQuarantineException
--   mass_leavers where reason is TooManyDeletes
--
-- Fires
--   when the newest status of a job is Quarantine, for any reason.
--
-- Silent
--   where no job status is collected: provisioning logs do not report quarantine; on a job that a newer one of its app
--   has replaced.
--
-- Do
--   Open the app's page: it shows the reason, the first failed request and the recovery checklist. Until the job
--   recovers, no user is created, changed or removed in the app; after 28 days Entra disables the job.
--
-- Page
--   quarantine
--
-- Columns
--   as_of              the instant asked about
--   subject            the job
--   since              when the quarantine began, as Graph reports it where it does
--   summary            the sentence
--   app_name           the application
--   job_id             the job
--   reason             Graph's reason
--   series_count       how often Entra retried and kept it in quarantine
--   next_attempt_at    when Entra tries again
--   disabled_at        when Entra disables the job, 28 days after it began
--   error_code         the latest error
--   error_message      its message
with statuses as (
    select *
    from job_snapshots
    where observed_at <= list_max($at::timestamp[])
    qualify row_number() over (partition by job_id, observed_at order by snapshot_id) = 1
)
select
    i.as_of,
    i.job_id as subject,
    coalesce(s.quarantine_since, s.observed_at) as since,
    name_of_job(s.app_name, i.job_id) || ' is in quarantine: {cause}' as summary,
    name_of_job(s.app_name, i.job_id) as app_name,
    i.job_id,
    s.quarantine_reason as reason,
    s.quarantine_count as series_count,
    s.next_attempt_at,
    coalesce(s.quarantine_since, s.observed_at) + interval 28 day as disabled_at,
    s.error_code,
    s.error_message
from (select unnest($at::timestamp[]) as as_of, job_id from (select distinct job_id from statuses)) i
asof join statuses s on s.job_id = i.job_id and i.as_of >= s.observed_at
where s.state = 'Quarantine'
    and (i.as_of, i.job_id) not in (select (r.as_of, r.job_id) from replaced_jobs($at::timestamp[]) r)
order by i.as_of, since, subject
