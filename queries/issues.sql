-- Which failures occur, grouped by cause, and which users and groups do they affect?
--
-- Title    Issues
-- Topic    Failures and issues
--
-- An issue is one cause in one job. It is listed when it was seen in the window or a retry is pending at the window's
-- end; those with the most pending retries come first, then those that affect the most users and groups, however often
-- each was tried.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive; states are as of then
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   issue             its fingerprint
--   job_id            the job
--   app_name          the application
--   state             new, regressed, escalating, ongoing, quiet or resolved
--   code              the error code or the skip reason; null where the log gave none
--   detail            the message without what differs from person to person
--   fault             who can fix it: source data, mapping, target, service, credentials or unknown
--   category          Graph's category
--   http_status       what the application answered
--   scim_type         what kind of SCIM error it called it
--   step_type         the step at which it went wrong
--   attribute         the attribute that the log names
--   source_type       User, Group, …
--   status            failure or skipped
--   waiting           users and groups with a pending retry
--   people            users and groups affected, ever
--   people_lately     users and groups affected in the window
--   events            failures and skips, ever
--   episodes          how often it came, with three quiet cycles between
--   first_seen_at     its first event
--   last_seen_at      its newest
--   settled_at        when the last of them was settled; null while a retry is pending
--   daily             users and groups affected on each day of the window, oldest first
--   names             users and groups affected, by name, up to 1,000
--   waiting_names     users and groups with a pending retry, by name, up to 1,000
--   action            the requested action
--   cause             what it is known as in pipeline/knowledge/causes.toml; null where it is not
with chosen_issues as (
    select * from error_issues($until)
    where ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
        and (last_seen_at >= $since or waiting > 0)
        and first_seen_at < $until
), days as (
    select unnest(range((epoch_ms($until::timestamp) - epoch_ms($since::timestamp) - 1) // 86_400_000, -1, -1)) as ago
), hits as (
    select
        job_id,
        fingerprint,
        (epoch_ms($until::timestamp) - epoch_ms(occurred_at) - 1) // 86_400_000 as ago,
        count(distinct source_id) as people
    from problems
    where occurred_at >= $since and occurred_at < $until
    group by all
), trend as (
    select f.job_id, f.fingerprint, list(coalesce(h.people, 0) order by d.ago desc) as daily
    from chosen_issues f
    cross join days d
    left join hits h on h.job_id = f.job_id and h.fingerprint = f.fingerprint and h.ago = d.ago
    group by f.job_id, f.fingerprint
), recent_people as (
    select job_id, fingerprint, count(distinct source_id) as people
    from problems
    where occurred_at >= $since and occurred_at < $until
    group by job_id, fingerprint
)
select
    f.fingerprint as issue,
    f.job_id,
    name_of_job(f.app_name, f.job_id) as app_name,
    f.state,
    f.code,
    f.detail,
    f.fault,
    f.category,
    f.http_status,
    f.scim_type,
    f.step_type,
    f.attribute,
    f.source_type,
    f.status,
    f.waiting,
    f.people,
    coalesce(l.people, 0) as people_lately,
    f.events,
    f.episodes,
    f.first_seen_at,
    f.last_seen_at,
    f.settled_at,
    t.daily,
    f.names,
    f.waiting_names,
    f."action",
    f.cause
from chosen_issues f
left join trend t on t.job_id = f.job_id and t.fingerprint = f.fingerprint
left join recent_people l on l.job_id = f.job_id and l.fingerprint = f.fingerprint
order by f.waiting desc, f.people desc, f.events desc, f.fingerprint, f.job_id
