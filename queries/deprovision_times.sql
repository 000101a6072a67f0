-- How long does each app take to remove a leaver?
--
-- Title    Deprovisioning time
-- Topic    Leavers
--
-- Half are removed after p50_s, 19 of 20 after p95_s, by the survival curve, in which an account that is still there
-- counts as not removed yet. Null where the curve does not fall that far.
--
-- Parameters
--   $since    TIMESTAMP         start of the window in which it began, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name        the application
--   kind            disable or delete
--   cases           users to be removed
--   done            users whose removal is complete
--   still_open      users whose removal is pending
--   called_off      users whose removal was cancelled
--   from_trigger    users whose removal an import showed before it was requested
--   p50_s           seconds after which half are removed
--   p95_s           seconds after which 19 of 20 are removed
--   longest_s       seconds that the longest one took, or has taken so far
--   job_id          the job
select
    max(app_name) as app_name,
    kind,
    sum(went + left_sight)::bigint as cases,
    sum(went)::bigint as done,
    sum(still_open)::bigint as still_open,
    sum(called_off)::bigint as called_off,
    sum(from_trigger)::bigint as from_trigger,
    min(took_s) filter (where still_share <= 0.5 + 1e-9) as p50_s,
    min(took_s) filter (where still_share <= 0.05 + 1e-9) as p95_s,
    max(took_s) as longest_s,
    job_id
from survival_curve($since::timestamp, least($until::timestamp, $as_of::timestamp + interval 1 second))
where ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
group by job_id, kind
order by still_open desc, app_name, job_id, kind
