-- Does a job fail run after run?
--
-- Parameters
--   $at       TIMESTAMP                     the instant asked about
--   $least    BIGINT = 2, closes at 1       complete failures one after another
--
-- Severity
--   critical
--
-- Needs
--   jobs 6 hours
--
-- Fires
--   when Graph counts at least `least` complete failures in a row: the path that ends in quarantine at once.
--
-- Silent
--   on runs of which only some objects failed; on a job that never ran, which Graph reports as failed once.
--
-- Do
--   Test the connection in Entra. A refused token or an address that does not answer fails every run; the page
--   Quarantine shows the first call that failed.
--
-- Page
--   quarantine
--
-- Columns
--   subject          the job
--   since            when the failing run was seen first
--   summary          the sentence
--   app_name         the application
--   job_id           the job
--   failures         complete failures in a row
--   error_code       the newest error
--   error_message    its text
--   last_good_at     the end of the last run without errors
with newest as (
    select *, row_number() over (partition by job_id order by observed_at desc, snapshot_id) as nth
    from job_snapshots
    where observed_at <= $at
), failure_starts as (
    select s.job_id, min(s.observed_at) as since
    from job_snapshots s
    join newest n on n.job_id = s.job_id and n.nth = 1
    where s.observed_at <= $at
        and s.successive_failures >= 1
        and s.observed_at > coalesce((
            select max(o.observed_at)
            from job_snapshots o
            where o.job_id = s.job_id and o.observed_at <= $at and coalesce(o.successive_failures, 0) = 0
        ), timestamp '1970-01-01')
    group by s.job_id
)
select
    n.job_id as subject,
    b.since,
    coalesce(n.app_name, n.job_id) || ' fails run after run: ' || coalesce(n.error_code, 'Graph gives no error')
        as summary,
    n.app_name,
    n.job_id,
    n.successive_failures as failures,
    n.error_code,
    n.error_message,
    n.last_good_at
from newest n
join failure_starts b on b.job_id = n.job_id
where n.nth = 1 and n.state <> 'NotRun' and n.successive_failures >= $least
order by b.since, subject
