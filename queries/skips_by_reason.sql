-- Why were users and groups skipped, and is that expected?
--
-- Title    Skips by reason
-- Topic    Scope and skips
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   skip_reason      the reason as the log spells it; null where it gave none
--   benign           whether it is expected: nothing to change, or out of scope
--   apps             the applications it occurred in
--   objects          distinct objects skipped
--   skips            skipped events
--   last_seen_at     the newest
select
    skip_reason,
    benign,
    string_agg(distinct app_name, ', ' order by app_name) as apps,
    count(distinct (job_id, source_id)) as objects,
    count(*) as skips,
    max(occurred_at) as last_seen_at
from outcomes
where status = 'skipped'
    and occurred_at >= $since
    and occurred_at < $until
    and ($job is null or job_id = $job)
    and of_tenant($tenant, tenant_id, job_id)
group by skip_reason, benign
order by benign, objects desc, skip_reason
