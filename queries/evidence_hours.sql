-- How well is each hour of the period covered, on both sides?
--
-- Title    Coverage records by hour
-- Topic    Data coverage
--
-- An hour's requests are covered by tenant, since a log of requests names no job.
--
-- Parameters
--   $since    TIMESTAMP    start of the window, inclusive
--   $until    TIMESTAMP    end of the window, exclusive
--   $job      VARCHAR      the job's id
--
-- Columns
--   source    events, jobs (the status Graph gave) or exchanges
--   hour      the hour (UTC), by its beginning
--   state     complete, partial or unknown
select source, "hour", state
from hour_ledger($since::timestamp, $until::timestamp)
where job_id = $job
    or job_id is null and lower(tenant_id) is not distinct from (
        select lower(max(tenant_id)) from subjects where job_id = $job)
order by source, "hour"
