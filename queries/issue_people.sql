-- Which users and groups does this issue affect?
--
-- Title    Affected users and groups
-- Topic    Failures and issues
--
-- Leavers come first: a leaver with access is the gravest; then pending retries, the longest first.
--
-- Parameters
--   $job      VARCHAR        the job
--   $issue    VARCHAR        the issue's fingerprint
--   $until    TIMESTAMP      as of when
--
-- Columns
--   source_id        the object's id in Entra
--   name             its UPN, else its display name
--   source_type      User, Group, …
--   standing         leaver, `waiting` (for a retry) or settled
--   state            the status that its last decisive event left it in, as of the newest data
--   action           the requested action of the newest attempt
--   attempts         how often it went wrong
--   first_seen_at    the first time
--   last_seen_at     the last
--   settled_at       when it was settled; null where the object waits
--   retry_at         when Entra tries again; null where the job is stopped or its quarantine leaves it open
--   event_id         the newest event of it
--   again_at         since when the object has another account: it was deleted after this and made anew; null if not
with waits as (
    select source_id, max(coalesce(until, timestamp 'infinity')) as until
    from problem_waits($until, only_issue := $issue)
    where job_id = $job and fingerprint = $issue
    group by source_id
), people as (
    select
        source_id,
        arg_max(source_type, order_key) as source_type,
        arg_max("action", order_key) as "action",
        count(*) as attempts,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at,
        arg_max(retry_at, order_key) as retry_at,
        arg_max(event_id, order_key) as event_id,
        max(order_key) as order_key
    from problems
    where job_id = $job and fingerprint = $issue and occurred_at < $until
    group by source_id
), people_names as (
    select source_id, coalesce(identity_name(upn, source_name, named_key), source_id) as "name"
    from identity_parts
    where job_id = $job and source_id in (select source_id from people)
    group by source_id
), deleted as (
    select f.source_id, min(f.order_key) as order_key
    from footings f
    join people t on t.source_id = f.source_id and f.order_key > t.order_key
    where f.job_id = $job and f.account = 'deleted' and f.occurred_at < $until
    group by f.source_id
), made_anew as (
    select f.source_id, min(f.occurred_at) as again_at
    from footings f
    join deleted d on d.source_id = f.source_id and f.order_key > d.order_key
    where f.job_id = $job and f.account = 'active' and f.occurred_at < $until
    group by f.source_id
)
select
    t.source_id,
    coalesce(c."name", t.source_id) as "name",
    t.source_type,
    case
        when w.until < timestamp 'infinity' then 'settled'
        when t."action" in ('disable', 'delete', 'stagedDelete') then 'leaver'
        else 'waiting'
    end as standing,
    i.state,
    t."action",
    t.attempts,
    t.first_seen_at,
    t.last_seen_at,
    case when w.until < timestamp 'infinity' then w.until end as settled_at,
    case when w.until = timestamp 'infinity' then promised_retry(t.retry_at, q.job_id, q.next_attempt_at) end
        as retry_at,
    t.event_id,
    a.again_at
from people t
left join made_anew a using (source_id)
left join people_names c using (source_id)
left join (
    select source_id, state from identities where job_id = $job and source_id in (select source_id from people)
) i using (source_id)
left join waits w using (source_id)
left join stopped_jobs($until) q on q.job_id = $job
order by standing = 'settled', standing = 'waiting', t.first_seen_at, "name", t.source_id
limit 1000
