-- Which share of the leavers still had an account, and how long after their removal was due?
--
-- Title    Accounts remaining over time
-- Topic    Leavers
--
-- The curve falls where an account was removed; a mark on it is an account that was still there when it was last seen.
--
-- Parameters
--   $since    TIMESTAMP         start of the window in which it began, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--   $kind     VARCHAR = null    disable or delete; null gives both, each with a curve of its own
--
-- Columns
--   job_id        the job
--   app_name      the application
--   kind          disable or delete
--   took_s        seconds after the beginning
--   at_risk       how many were followed so long
--   went          how many of them went then
--   left_sight    how many were followed no longer: open, or called off
--   still_share   the share that still had an account then
--   low_share     the lower end of its 95 % band; null where it has none
--   high_share    the upper end of its 95 % band; null where it has none
select job_id, app_name, kind, took_s, at_risk, went, left_sight, still_share, low_share, high_share
from survival_curve($since::timestamp, least($until::timestamp, $as_of::timestamp + interval 1 second))
where ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    and ($kind is null or kind = $kind)
order by app_name, job_id, kind, took_s
