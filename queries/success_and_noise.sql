-- How much succeeded, with and without no-op events?
--
-- Title    Success rate and no-op events
-- Topic    Failures and issues
--
-- No-op events look like work and are none. With them counted as successes, a rate looks better than it is.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   successes        events that ended well, those that altered nothing among them
--   failures         events that failed
--   redundant        skips because both sides matched already
--   out_of_scope     skips of who is out of scope
--   pseudo           updates that altered nothing
--   share_without    successes that altered something, of those and failures; null where nothing was tried
--   share_with       all of that counted as well done; null where nothing happened
with totals as (
    select
        count(*) filter (where status = 'success') as successes,
        count(*) filter (where status = 'failure') as failures,
        count(*) filter (where skip_reason = 'RedundantExport' and status = 'skipped') as redundant,
        count(*) filter (where skip_reason is distinct from 'RedundantExport'
            and is_benign(status, skip_reason, error_code)) as out_of_scope,
        count(*) filter (where is_pseudo("action", status, changes)) as pseudo
    from events
    where occurred_at >= $since
        and occurred_at < $until
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
)
select
    successes,
    failures,
    redundant,
    out_of_scope,
    pseudo,
    (successes - pseudo) / nullif(successes - pseudo + failures, 0) as share_without,
    (successes + redundant + out_of_scope) / nullif(successes + redundant + out_of_scope + failures, 0) as share_with
from totals
order by successes
