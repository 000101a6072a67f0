-- How near is each job to quarantine, and when would it cross a limit?
--
-- Title    Quarantine thresholds
-- Topic    Cycles and quarantine
--
-- Microsoft calls its limits approximate and does not document the period that they cover; pending retries are counted
-- here. The slope is the median over all pairs of the last twelve cycles, the band lies between the tenth and the
-- ninetieth of a hundred. With fewer than three cycles nothing is forecast.
--
-- Parameters
--   $at           TIMESTAMP           the instant asked about
--   $job          VARCHAR = null      one job's id; null asks about all of them
--   $tenant       VARCHAR = null      one tenant's id; null asks about all of them
--   $least        BIGINT = 5000       failures from which the share counts
--   $part         DOUBLE = 0.4        the share that is too much
--   $most         BIGINT = 40000      failures that are too many, references left out
--   $altogether   BIGINT = 60000      failures that are too many, references with them
--
-- Columns
--   job_id           the job
--   app_name         the application it provisions
--   measure          the limit: share, count or total
--   reached          failures that count towards it
--   at_most          the number that crosses it
--   headroom         how many more it takes
--   per_cycle        failures more a cycle; null where the cycles are too few
--   per_cycle_low    the same, fewer in one of ten pairs of cycles
--   per_cycle_high   the same, more in one of ten
--   cycles_least     cycles until it is crossed, in one of ten cases or fewer
--   cycles_left      the same at the present slope; null where nothing rises
--   cycles_most      the same in nine of ten cases
--   crosses_at       when that is
--   verdict          total, count or share where crossed; else watched or below
--   succeeded        objects that are fine
--   whole            whether its newest cycle is a first one: then failures are cleared and the job pauses
select
    job_id,
    name_of_job(app_name, job_id) as app_name,
    measure,
    reached,
    at_most,
    headroom,
    per_cycle,
    per_cycle_low,
    per_cycle_high,
    cycles_least,
    cycles_left,
    cycles_most,
    crosses_at,
    verdict,
    succeeded,
    whole
from headrooms($at::timestamp, least := $least, part := $part, most := $most, altogether := $altogether)
where ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
order by app_name, job_id, at_most - reached, measure
