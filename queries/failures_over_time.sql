-- How do failures move?
--
-- Title    Failures over time
-- Topic    Failures and issues
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $by        VARCHAR = code    code, app or step: what failures are grouped by
--   $bucket    VARCHAR = day     hour or day
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   bucket      the hour or the day (UTC), by its beginning
--   label       the error code, the application or the step; null where the log gave none
--   failures    failed events
select
    date_trunc($bucket, "hour") as bucket,
    case $by when 'app' then newest_name when 'step' then last_step else error_code end as label,
    sum(events)::bigint as failures
from (select *, name_of_job(app_name, job_id) as newest_name from hourly_within($since, $until))
where status = 'failure'
    and ($job is null or job_id = $job)
    and of_tenant($tenant, tenant_id, job_id)
group by bucket, label
order by bucket, label
