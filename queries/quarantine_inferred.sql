-- Which jobs without a status are probably in quarantine?
--
-- Title    Suspected quarantines
-- Topic    Cycles and quarantine
--
-- An inference: the log does not report quarantine. Its signs are cycles that come hours apart where they came often
-- before, and in which everything fails; or requests that the app rejects, and that come hours apart. Entra slows a job
-- down so.
--
-- Parameters
--   $at       TIMESTAMP           the instant asked about
--   $apart    BIGINT = 5          hours between two tries that make them slow; Entra's first step is six
--   $least    BIGINT = 2          slow tries, at least
--   $job      VARCHAR = null      one job's id; null asks about all of them
--   $tenant   VARCHAR = null      one tenant's id; null asks about all of them
--
-- Columns
--   job_id       the job
--   app_name     the application it provisions
--   since        the first try that failed
--   tries        tries that failed since
--   newest_at    the newest of them
--   sign         cycles or calls: what the inference rests on
with unobserved_jobs as (
    select job_id, max(app_name) as app_name
    from hourly_parts
    where "hour" <= $at
        and job_id not in (select job_id from job_snapshots where job_id is not null and observed_at <= $at)
        and ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    group by job_id
), apps as (
    select e.app_id, max(e.job_id) as job_id
    from events e
    join unobserved_jobs u using (job_id)
    where e.occurred_at <= $at and e.occurred_at > $at - interval 60 day and e.app_id is not null
    group by e.app_id
), tries as (
    select job_id, min(began_at) as tried_at, 'cycles' as sign,
        sum(succeeded) + sum(warnings) = 0 and sum(failed) > 0 as bad, sum(succeeded) + sum(warnings) > 0 as good
    from cycle_parts
    join unobserved_jobs using (job_id)
    group by job_id, cycle_id
    having min(began_at) <= $at
    union all
    select a.job_id, x.occurred_at, 'calls', x.http_status in (401, 403), x.http_status between 200 and 299
    from entra_calls($at::timestamp - interval 60 day, $at::timestamp) x
    join apps a on a.app_id = x.app_id
), spaced as (
    select *, date_diff('minute', lag(tried_at) over each, tried_at) / 60 as hours,
        max(tried_at) filter (where good) over (partition by job_id, sign) as good_at
    from tries
    window each as (partition by job_id, sign order by tried_at)
), usual as (
    select job_id, sign, median(hours) as hours from spaced where tried_at <= good_at group by job_id, sign
), slowed as (
    select
        s.job_id,
        s.sign,
        min(s.tried_at) as since,
        max(s.tried_at) as newest_at,
        count(*) filter (where s.hours >= $apart) as slow,
        count(*) as tries
    from spaced s
    join usual u on u.job_id = s.job_id and u.sign = s.sign and u.hours < $apart / 2
    where s.bad and s.tried_at > s.good_at
    group by s.job_id, s.sign
)
select job_id, any_value(app_name) as app_name, min(since) as since, arg_min(tries, since) as tries,
    max(newest_at) as newest_at, arg_min(sign, since) as sign
from slowed
join unobserved_jobs using (job_id)
where slow >= $least
group by job_id
order by since, job_id
