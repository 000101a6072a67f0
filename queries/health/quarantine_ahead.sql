-- Will a job soon cross one of Microsoft's limits into quarantine?
--
-- Parameters
--   $at           TIMESTAMP                    the instant asked about
--   $cycles       BIGINT = 3, closes at 5      cycles left at the present slope, at most
--   $least        BIGINT = 5000                failures from which the share counts
--   $part         DOUBLE = 0.4                 the share that is too much
--   $most         BIGINT = 40000               failures that are too many, references left out
--   $altogether   BIGINT = 60000               failures that are too many, references with them
--
-- Severity
--   critical
--
-- Needs
--   events 24 hours
--
-- Fires
--   when a limit is crossed, or is within `cycles` cycles at the slope of the last twelve. Microsoft calls its limits
--   approximate, and over which time it counts is not documented: the objects that wait for a retry are counted.
--
-- Silent
--   on jobs with fewer than three cycles; on tenants with fewer objects than the limits; on a refused token, which
--   ends in quarantine whatever the count: failing_runs and token_refused tell of that.
--
-- Do
--   Open the page Quarantine: it shows which limit is near. Mend the commonest error among the failures; the next retry
--   clears them. Do not restart the job for it.
--
-- Page
--   quarantine
--
-- Columns
--   subject        the job
--   since          the oldest failure that waits
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   measure        the limit: share, count or total
--   reached        failures that count towards it
--   at_most        the number that crosses it
--   cycles_left    cycles left; 0 where it is crossed
--   crosses_at     when that is
select
    job_id as subject,
    coalesce(oldest_at, $at) as since,
    app_name || case when whole then ': so much fails in its first cycle that Entra will clear the failures and pause it'
        else ': so much fails that quarantine is near' end as summary,
    app_name,
    job_id,
    measure,
    reached,
    at_most,
    cycles_left,
    crosses_at
from headrooms($at, least := $least, part := $part, most := $most, altogether := $altogether)
where cycles_left <= $cycles
qualify row_number() over (partition by job_id order by cycles_left, measure) = 1
order by cycles_left, subject
