-- Who was skipped, why, and what is to be done?
--
-- Title    Skipped users and groups
-- Topic    Scope and skips
--
-- A person once for each app, by the newest skip of the window.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $kind      VARCHAR = null    one kind of skip
--   $wants     VARCHAR = null    `nobody`, as intended or `somebody`
--   $clause    VARCHAR = null    one of Graph's questions, or a clause of the scoping filter, that was not met
--   $limit     BIGINT = 200      how many at most, the newest first
--
-- Columns
--   name             the person or group
--   app_name         the application
--   sentence         why, in a sentence
--   cure             what to do if it is not expected
--   wants            `nobody` (both sides match), as intended or `somebody` (needs action)
--   kind             why, in a word
--   skips            how often in this window
--   first_seen_at    the first
--   last_seen_at     the newest
--   source_id        the object's id in Entra
--   event_id         the newest event
--   job_id           the job
select
    arg_max("name", order_key) as "name",
    name_of_job(arg_max(app_name, order_key), job_id) as app_name,
    arg_max(
        skip_sentence(kind, "name", coalesce(app_name, 'the app'), source_type, attribute, clauses, reason), order_key
    ) as sentence,
    arg_max(skip_remedy(kind, coalesce(app_name, 'the app'), source_type, attribute), order_key) as cure,
    skip_attention(arg_max(kind, order_key)) as wants,
    arg_max(kind, order_key) as kind,
    count(*) as skips,
    min(occurred_at) as first_seen_at,
    max(occurred_at) as last_seen_at,
    source_id,
    arg_max(event_id, order_key) as event_id,
    job_id
from skips
where occurred_at >= $since
    and occurred_at < $until
    and ($job is null or job_id = $job)
    and of_tenant($tenant, tenant_id, job_id)
    and ($kind is null or kind = $kind)
    and ($wants is null or skip_attention(kind) = $wants)
    and ($clause is null or list_contains(unmet, $clause))
group by job_id, source_id
order by last_seen_at desc, "name", job_id, source_id
limit $limit
