-- What was done, and how did it end?
--
-- Title    Outcomes by action
-- Topic    Failures and issues
--
-- For analysts
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name            the application
--   action              the requested action: create, update, disable, delete, stagedDelete, other
--   successes           events that ended well
--   failures            events that failed
--   warnings            events that ended well with a reservation
--   benign_skips        expected skips: nothing to change, or out of scope
--   other_skips         skips for a reason that can be fixed
--   mean_duration_ms    the mean time one event took
--   job_id              the job
select
    app_name,
    "action",
    coalesce(sum(events) filter (where status = 'success'), 0)::bigint as successes,
    coalesce(sum(events) filter (where status = 'failure'), 0)::bigint as failures,
    coalesce(sum(events) filter (where status = 'warning'), 0)::bigint as warnings,
    coalesce(sum(events) filter (where status = 'skipped' and benign), 0)::bigint as benign_skips,
    coalesce(sum(events) filter (where status = 'skipped' and not benign), 0)::bigint as other_skips,
    round(sum(duration_ms) / sum(events)) as mean_duration_ms,
    job_id
from (select * replace (name_of_job(app_name, job_id) as app_name) from hourly_within($since, $until))
where ($job is null or job_id = $job)
    and of_tenant($tenant, tenant_id, job_id)
group by job_id, app_name, "action"
order by app_name, "action", job_id
