-- How long does each app take to let a leaver go?
--
-- Half are out after p50_s, 19 of 20 after p95_s: read off the survival curve, in which whoever is still there
-- counts as not yet gone. Null where the curve does not fall that far.
--
-- Parameters
--   $since    TIMESTAMP         start of the window in which it began, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name        the application
--   kind            disable or delete
--   cases           how many were to go
--   done            of whom it was done
--   still_open      of whom it was not yet done
--   called_off      of whom it was not wanted any more
--   from_trigger    of whom an import showed it before it was asked for
--   p50_s           seconds after which half are out
--   p95_s           seconds after which 19 of 20 are out
--   longest_s       seconds that the longest one took, or has taken so far
--   job_id          the job
with cases as (
    select *
    from leaver_cases(least($until::timestamp, $as_of::timestamp + interval 1 second))
    where started_at >= $since and kind <> 'stagedDelete'
        and ($job is null or job_id = $job) and ($tenant is null or tenant_id = $tenant)
), quantiles as (
    select
        job_id,
        kind,
        min(took_s) filter (where still_share <= 0.5 + 1e-9) as p50_s,
        min(took_s) filter (where still_share <= 0.05 + 1e-9) as p95_s
    from survival_curve($since::timestamp, least($until::timestamp, $as_of::timestamp + interval 1 second))
    group by job_id, kind
)
select
    max(c.app_name) as app_name,
    c.kind,
    count(*) as cases,
    count(*) filter (where c.outcome = 'done') as done,
    count(*) filter (where c.outcome = 'open') as still_open,
    count(*) filter (where c.outcome = 'called off') as called_off,
    count(*) filter (where c.started_from = 'trigger') as from_trigger,
    any_value(q.p50_s) as p50_s,
    any_value(q.p95_s) as p95_s,
    max(c.took_s) as longest_s,
    c.job_id
from cases c
left join quantiles q on q.job_id = c.job_id and q.kind = c.kind
group by c.job_id, c.kind
order by still_open desc, app_name, c.job_id, c.kind
