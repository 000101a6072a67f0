-- How much is there to compare, hour by hour?
--
-- Title    Events and requests by hour
-- Topic    SCIM traffic
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   hour        start of the hour
--   events      events, of the job where one is given
--   requests    SCIM requests, of every app
select "hour", sum(events)::bigint as events, sum(requests)::bigint as requests
from (
    select "hour", events, 0 as requests
    from hourly_within($since, $until)
    where ($job::varchar is null or job_id = $job) and of_tenant($tenant::varchar, tenant_id, job_id)
    union all
    select date_trunc('hour', occurred_at), 0, 1
    from exchanges
    where occurred_at >= $since and occurred_at < $until
        and request_of_tenant($tenant::varchar, tenant_id, app_id, $since::timestamp, $until::timestamp)
)
group by "hour"
order by "hour"
