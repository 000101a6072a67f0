-- Does a new error affect many users or groups?
--
-- Title    New error spreading
-- Topic    Failures and issues
--
-- Parameters
--   $at       TIMESTAMP[]                   the instants asked about
--   $least    BIGINT = 3, closes at 1       users and groups affected, at least
--   $hours    BIGINT = 24                   hours looked back
--   $quiet    BIGINT = 7                    days without the error before that, for it to be new
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--
-- Explained by
--   token_refused where refused is true
--
-- Fires
--   when an error affected at least `least` of a job's users and groups in the last `hours` hours, and none in the
--   `quiet` days before.
--
-- Silent
--   on errors that continue at their usual rate; in the first `quiet` days of a job, where every error is new.
--
-- Do
--   Open the error in Issues: affected users usually share an attribute, a group or a moment. An error that was fixed
--   before and came back is listed as recurring.
--
-- Columns
--   as_of          the instant asked about
--   subject        the job and the error code
--   since          its first failure in this stretch
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   error_code     the error
--   people_hit     users and groups affected in the last `hours`
--   attempts       failures in the last `hours`
--   regressed      whether it had been there longer ago
--   people         up to ten names
--   refused        whether each of these failures reports a rejected token
with failures as materialized (
    select job_id, code as error_code, source_id, app_name, occurred_at
    from problems
    where status = 'failure' and occurred_at <= list_max($at::timestamp[]) and code is not null
), asked as (
    select i.as_of, i.job_id, i.error_code, f.occurred_at as before_at
    from (
        select unnest($at::timestamp[]) as as_of, job_id, error_code
        from (select distinct job_id, error_code from failures)
    ) i
    asof left join failures f
        on f.job_id = i.job_id and f.error_code = i.error_code and i.as_of - to_hours($hours) >= f.occurred_at
), counted as materialized (
    select
        a.as_of,
        a.job_id,
        a.error_code,
        a.before_at is not null as regressed,
        min(f.occurred_at) as since,
        count(distinct f.source_id) as people_hit,
        count(*) as attempts
    from asked a
    join failures f on f.job_id = a.job_id and f.error_code = a.error_code
        and f.occurred_at > a.as_of - to_hours($hours) and f.occurred_at <= a.as_of
    where coalesce(a.before_at <= a.as_of - to_hours($hours) - to_days($quiet::integer), true)
    group by a.as_of, a.job_id, a.error_code, regressed
    having count(distinct f.source_id) >= $least
), app_names as (
    select c.as_of, c.job_id, c.error_code, max(n.app_name) as app_name
    from counted c
    join (
        select job_id, error_code, app_name, min(occurred_at) as first_at from failures group by all
    ) n on n.job_id = c.job_id and n.error_code = c.error_code and n.first_at <= c.as_of
    group by c.as_of, c.job_id, c.error_code
), named as (
    select c.as_of, c.job_id, c.error_code,
        list_sort(list(distinct coalesce(e.upn, e.source_name, e.source_id)))[:10] as people,
        bool_and(coalesce(e.http_status in (401, 403)
            or regexp_matches(e.error_code, '(Unauthorized|Credential\w*)$'), false)) as refused
    from counted c
    join events e on e.job_id = c.job_id and e.error_code = c.error_code
        and e.occurred_at > c.as_of - to_hours($hours) and e.occurred_at <= c.as_of
    where e.status = 'failure' and e.occurred_at <= list_max($at::timestamp[])
        and e.occurred_at > list_min($at::timestamp[]) - to_hours($hours)
    group by c.as_of, c.job_id, c.error_code
), job_starts as (
    select job_id, min(began_at) as began_at
    from (select job_id, began_at from cycle_parts union all select job_id, began_at from executions)
    group by job_id
)
select
    c.as_of,
    c.job_id || ' ' || c.error_code as subject,
    c.since,
    name_of_job(a.app_name, c.job_id) || case when c.regressed then ': recurring' else ': new' end
        || ' error for several users or groups ({cause})' as summary,
    a.app_name,
    c.job_id,
    c.error_code,
    c.people_hit,
    c.attempts,
    c.regressed,
    n.people,
    n.refused
from counted c
join named n using (as_of, job_id, error_code)
join app_names a using (as_of, job_id, error_code)
join job_starts b on b.job_id = c.job_id
where b.began_at <= c.since - to_days($quiet::integer)
order by c.as_of, c.people_hit desc, subject
