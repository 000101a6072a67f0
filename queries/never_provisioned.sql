-- Who is in scope and was never provisioned?
--
-- Title    Users never provisioned
-- Topic    Users and groups
--
-- In scope by the newest event that shows it, while no event shows an account in the app: neither a success nor an id
-- there. Whoever was provisioned before the first stored event and failed since may be among them.
--
-- Parameters
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--   $limit    BIGINT = 500      how many at most, the oldest first
--
-- Columns
--   app_name        the application
--   name            the UPN, else the display name
--   since           the first event of the object, or the first after it was last out of scope
--   state           failing or skipped
--   attempts        successes and failures, ever
--   failures        failures, ever
--   error_code      the error it is failing with
--   last_event_at   its newest event
--   source_type     User, Group, …
--   source_id       the object's id in Entra
--   job_id          the job
with candidates as (
    select *, object_number(job_id, source_id) as object
    from identities
    where in_scope
        and account in ('absent', 'unknown')
        and target_id is null
        and last_success_at is null
        and ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
), scopes as (
    select object, max(order_key) as out_key
    from footings
    where "scope" = 'out' and object in (select object from candidates)
    group by object
), since as (
    select f.object, min(f.occurred_at) as since
    from footings f
    join candidates c on c.object = f.object
    left join scopes s on s.object = f.object
    where f.order_key > coalesce(s.out_key, -1)
    group by f.object
)
select
    name_of_job(c.app_name, c.job_id) as app_name,
    coalesce(c.upn, c.source_name, c.source_id) as "name",
    coalesce(s.since, c.last_event_at) as since,
    c.state,
    c.attempts,
    c.failures,
    c.open_error_code as error_code,
    c.last_event_at,
    c.source_type,
    c.source_id,
    c.job_id
from candidates c
left join since s on s.object = c.object
order by since, app_name, "name", c.job_id, c.source_id
limit $limit
