-- Does an error that was not there before hit many people?
--
-- Parameters
--   $at       TIMESTAMP                     the instant asked about
--   $least    BIGINT = 3, closes at 1       people hit, at least
--   $hours    BIGINT = 24                   how far back
--   $quiet    BIGINT = 7                    days without the error before that, for it to be new
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--
-- Fires
--   when an error code of a job hit `least` people or more in the last `hours` and nobody in the `quiet` days before.
--
-- Silent
--   on errors that go on at their usual rate; on the first `quiet` days of a job, where everything is new.
--
-- Do
--   Open the failures of that error: who is hit usually shares an attribute, a group or a moment. What came back
--   after it had been mended is listed as such.
--
-- Columns
--   subject        the job and the error code
--   since          its first failure in this stretch
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   error_code     the error
--   people_hit     people hit in the last `hours`
--   attempts       failures in the last `hours`
--   regressed      whether it had been there longer ago
--   people         up to ten names
with failures as (
    select
        job_id,
        error_code,
        source_id,
        coalesce(upn, source_name, source_id) as "name",
        app_name,
        occurred_at,
        occurred_at > $at - to_hours($hours) as lately,
        occurred_at <= $at - to_hours($hours)
            and occurred_at > $at - to_hours($hours) - to_days($quiet::integer) as before
    from events
    where status = 'failure' and occurred_at <= $at and error_code is not null
), job_starts as (
    select job_id, min(began_at) as began_at from cycles group by job_id
), counted as (
    select
        job_id,
        error_code,
        max(app_name) as app_name,
        min(occurred_at) filter (where lately) as since,
        count(distinct source_id) filter (where lately) as people_hit,
        count(*) filter (where lately) as attempts,
        count(*) filter (where before) as before,
        count(*) filter (where not lately and not before) > 0 as regressed,
        list_sort(list(distinct "name") filter (where lately))[:10] as people
    from failures
    group by job_id, error_code
)
select
    c.job_id || ' ' || c.error_code as subject,
    c.since,
    coalesce(c.app_name, c.job_id) || ': ' || c.error_code
        || case when c.regressed then ' is back and hits people' else ' is new and hits people' end as summary,
    c.app_name,
    c.job_id,
    c.error_code,
    c.people_hit,
    c.attempts,
    c.regressed,
    c.people
from counted c
join job_starts b on b.job_id = c.job_id
where c.people_hit >= $least and c.before = 0 and b.began_at <= c.since - to_days($quiet::integer)
order by c.people_hit desc, subject
