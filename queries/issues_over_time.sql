-- Are the failures new or recurring?
--
-- Title    New vs recurring failures
-- Topic    Failures and issues
--
-- New is a failure within a day of its issue's first event in that job; the rest recurs. No-op events look like work
-- and are none: both sides matched already, out of scope, or an update that altered nothing.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $bucket    VARCHAR = day     hour or day
--   $noise     VARCHAR = out     in or out: whether no-op events are counted too
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   bucket    the hour or the day (UTC), by its beginning
--   kind      new, recurring or `noise` (no-op events)
--   events    failures and skips, or events without effect
--   people    users and groups affected
with chosen_problems as (
    select p.occurred_at, p.source_id, p.occurred_at < f.first_at + interval 1 day as is_new
    from problems p
    join (select job_id, fingerprint, min(occurred_at) as first_at from problems group by job_id, fingerprint) f
        on f.job_id is not distinct from p.job_id and f.fingerprint = p.fingerprint
    where p.occurred_at >= $since
        and p.occurred_at < $until
        and ($job is null or p.job_id = $job)
        and of_tenant($tenant, p.tenant_id, p.job_id)
), dated as (
    select
        date_trunc($bucket, occurred_at) as bucket,
        case when is_new then 'new' else 'recurring' end as kind,
        source_id
    from chosen_problems
    union all
    select date_trunc($bucket, occurred_at), 'noise', source_id
    from events
    where $noise = 'in'
        and occurred_at >= $since
        and occurred_at < $until
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
        and (is_benign(status, skip_reason, error_code) or is_pseudo("action", status, changes))
)
select bucket, kind, count(*) as events, count(distinct source_id) as people
from dated
group by bucket, kind
order by bucket, kind
