-- Which leavers were to be removed in this window, and how long did it take?
--
-- Title    Leavers in this period
-- Topic    Leavers
--
-- One row is one removal of a user from one app. A staged delete waits for a decision.
--
-- Parameters
--   $since    TIMESTAMP         start of the window in which it began, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--   $kind     VARCHAR = null    disable, delete or stagedDelete
--   $limit    BIGINT = 500      how many at most
--
-- Columns
--   app_name        the application
--   name            the person's UPN, else the display name
--   kind            disable, delete or stagedDelete
--   outcome         done, open, held back or called off
--   started_at      since when, as far as the store knows
--   started_from    trigger: an import showed it before; event: the first event that asked for it
--   left_as         why the user is to be removed, as Entra reports it; null where no step does
--   ended_at        when it was done or called off
--   took_s          seconds until then, or until now
--   requests        how often it was asked for
--   failures        how often that failed
--   error_code      the newest event's error
--   again_at        when another account was made for the person after a delete; null where none was
--   again_as        that account's id in the application
--   source_id       the person's id in Entra
--   event_id        the newest event
--   job_id          the job
with cases as (
    select *, object_number(job_id, source_id) as object
    from leaver_cases(least($until::timestamp, $as_of::timestamp + interval 1 second))
    where started_at >= $since
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
        and ($kind is null or kind = $kind)
    order by outcome = 'done', started_at, job_id, source_id
    limit $limit
), made_anew as (
    select c.object, c.started_at, min(f.occurred_at) as again_at, arg_min(f.target_id, f.order_key) as again_as
    from cases c
    join footings f on f.object = c.object and f.occurred_at >= c.ended_at and f.account = 'active'
    where c.outcome = 'done' and c.kind = 'delete' and f.occurred_at < $until
    group by c.object, c.started_at
)
select
    c.app_name,
    c."name",
    c.kind,
    c.outcome,
    c.started_at,
    c.started_from,
    c.left_as,
    c.ended_at,
    c.took_s,
    c.requests,
    c.failures,
    c.error_code,
    a.again_at,
    a.again_as,
    c.source_id,
    c.event_id,
    c.job_id
from cases c
left join made_anew a on a.object = c.object and a.started_at = c.started_at
order by c.outcome = 'done', c.started_at, c.job_id, c.source_id
