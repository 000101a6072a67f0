-- Which apps needed attention at an instant, and for how many users and groups?
--
-- Title    Attention at an instant
-- Topic    Alerts
--
-- Asked of two instants, it shows what changed between them. A row is a job with an open incident, a quarantine, a
-- pending retry or an unfinished removal at that instant.
--
-- Parameters
--   $at       TIMESTAMP         the instant asked about
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   job_id          the job
--   failing         users and groups pending a retry then
--   leavers         users who should have been disabled or deleted then, and had an account in use
--   incidents       critical and warning incidents open then
--   in_quarantine   whether the job was in quarantine then
with facts as (
    select job_id, count(*) as failing, 0 as leavers, 0 as incidents, false as in_quarantine
    from escrows
    where opened_at <= $at::timestamp and (closed_at is null or closed_at > $at::timestamp)
    group by job_id
    union all
    select job_id, 0, count(*), 0, false
    from leaver_cases($at::timestamp + interval 1 second, unended := true)
    where outcome = 'open' and not was_gone
    group by job_id
    union all
    select job_id, 0, 0, count(*), false
    from incidents
    where severity <> 'info' and job_id is not null
        and opened_at <= $at::timestamp and (closed_at is null or closed_at > $at::timestamp)
    group by job_id
    union all
    select distinct job_id, 0, 0, 0, true
    from quarantines
    where opened_at <= $at::timestamp and (closed_at is null or closed_at > $at::timestamp)
)
select
    job_id,
    sum(failing)::bigint as failing,
    sum(leavers)::bigint as leavers,
    sum(incidents)::bigint as incidents,
    bool_or(in_quarantine) as in_quarantine
from facts
where ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
group by job_id
order by job_id
