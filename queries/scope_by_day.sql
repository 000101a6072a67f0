-- What share of the evaluated objects did each scoping clause exclude, day by day?
--
-- Title    Scoping filter results by day
-- Topic    Scope and skips
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   day             the UTC day
--   job_id          the job
--   app_name        the application
--   clause          one of Graph's own questions, or a clause of the scoping filter
--   evaluated       how often it was judged
--   failed          how often it was not met
--   failed_share    failed of evaluated
select
    "day",
    job_id,
    max(app_name) as app_name,
    clause,
    sum(evaluated)::bigint as evaluated,
    sum(failed)::bigint as failed,
    sum(failed) / sum(evaluated) as failed_share
from scope_parts
where "day" >= date_trunc('day', $since)
    and "day" < $until
    and ($job is null or job_id = $job)
    and of_tenant($tenant, tenant_id, job_id)
group by "day", job_id, clause
order by app_name, clause, "day", job_id
