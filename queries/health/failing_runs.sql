-- Does a job fail cycle after cycle?
--
-- Title    Consecutive failed cycles
-- Topic    Failures and issues
--
-- Parameters
--   $at       TIMESTAMP[]                   the instants asked about
--   $least    BIGINT = 2, closes at 1       cycles in a row that failed completely, at least
--
-- Severity
--   critical
--
-- Needs
--   jobs 6 hours
--
-- Explained by
--   token_refused
--   quarantined
--
-- Fires
--   when Graph reports at least `least` completely failed cycles in a row, which leads to quarantine.
--
-- Silent
--   on cycles in which only some users or groups failed; on a job that never ran, which Graph reports as failed once.
--
-- Do
--   Test the connection in Entra: a rejected token or an address that does not answer fails every cycle. The app's
--   page shows the first failed request.
--
-- Page
--   quarantine
--
-- Columns
--   as_of            the instant asked about
--   subject          the job
--   since            when the failing cycle was first seen
--   summary          the sentence
--   app_name         the application
--   job_id           the job
--   failures         consecutive failed cycles
--   error_code       the latest error
--   error_message    its message
--   last_good_at     the end of the last cycle without errors
--   unknown          what data is missing
with statuses as (
    select *, max(observed_at) filter (where coalesce(successive_failures, 0) = 0)
        over (partition by job_id order by observed_at) as good_at
    from job_snapshots
    where observed_at <= list_max($at::timestamp[])
), since_good as (
    select *, min(observed_at) filter (where successive_failures >= 1 and coalesce(observed_at > good_at, true))
        over (partition by job_id, good_at order by observed_at) as failing_since
    from statuses
    qualify row_number() over (partition by job_id, observed_at order by snapshot_id) = 1
)
select
    i.as_of,
    i.job_id as subject,
    coalesce(s.failing_since, i.as_of) as since,
    name_of_job(s.app_name, i.job_id) || ': consecutive cycles failed ({cause})' as summary,
    s.app_name,
    i.job_id,
    s.successive_failures as failures,
    s.error_code,
    s.error_message,
    s.last_good_at,
    case when s.successive_failures is null then 'Graph does not report how many cycles failed' end as unknown
from (select unnest($at::timestamp[]) as as_of, job_id from (select distinct job_id from statuses)) i
asof join since_good s on s.job_id = i.job_id and i.as_of >= s.observed_at
where s.state <> 'NotRun' and (s.successive_failures >= $least and s.failing_since is not null
    or s.successive_failures is null)
    and (i.as_of, i.job_id) not in (select (r.as_of, r.job_id) from replaced_jobs($at::timestamp[]) r)
order by i.as_of, since, subject
