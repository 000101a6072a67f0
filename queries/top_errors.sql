-- Which errors affect the most users and groups?
--
-- Title    Most frequent errors
-- Topic    Failures and issues
--
-- Attempts count every retry; objects count the affected users and groups. The two side by side distinguish a loud
-- error from a wide one.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $limit     BIGINT = 20       how many at most
--
-- Columns
--   error_code      the error; null where the log gave none
--   apps            the applications it occurred in
--   objects         distinct objects it hit
--   attempts        failed events
--   still_failing   objects that are failing with it now, whatever the window
--   first_seen_at   its first occurrence in the window
--   last_seen_at    its last
--   reason          the newest one's own words
--   advice          what Microsoft recommends for it
with failing as (
    select open_error_code as error_code, count(*) as objects
    from identities
    where state = 'failing'
        and ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    group by open_error_code
)
select
    e.error_code,
    string_agg(distinct e.newest_name, ', ' order by e.newest_name) as apps,
    count(distinct (e.job_id, e.source_id)) as objects,
    count(*) as attempts,
    coalesce(any_value(failing.objects), 0) as still_failing,
    min(e.occurred_at) as first_seen_at,
    max(e.occurred_at) as last_seen_at,
    arg_max(e.reason, (e.occurred_at, e.event_id)) as reason,
    arg_max(e.recommended_action, (e.occurred_at, e.event_id)) as advice
from (select *, name_of_job(app_name, job_id) as newest_name from events) e
left join failing on failing.error_code is not distinct from e.error_code
where e.status = 'failure'
    and e.occurred_at >= $since
    and e.occurred_at < $until
    and ($job is null or e.job_id = $job)
    and of_tenant($tenant, e.tenant_id, e.job_id)
group by e.error_code
order by objects desc, attempts desc, e.error_code
limit $limit
