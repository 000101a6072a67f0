-- Do more and more objects await a retry?
--
-- Parameters
--   $at       TIMESTAMP                        the instant asked about
--   $least    BIGINT = 3, closes at 1          objects that wait, at least
--   $hours    BIGINT = 24                      how far back the number is compared
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--
-- Fires
--   when at least `least` objects of a job wait and more wait than `hours` ago.
--
-- Silent
--   on objects that failed once and whose retry came in the same cycle; where the log was not collected.
--
-- Do
--   Open the failures of the job: what waits usually shares one cause. Entra tries again after 6, 12 and 24 hours, then
--   daily, and gives up after 28 days; mend the cause and the next try clears it.
--
-- Page
--   quarantine
--
-- Columns
--   subject      the job
--   since        when the oldest that waits began to wait
--   summary      the sentence
--   app_name     the application
--   job_id       the job
--   waiting      objects that wait now
--   before       objects that waited `hours` ago
--   leavers      of those that wait, whose disable or delete failed
with waits as (
    select
        job_id,
        source_id,
        opened_at,
        opened_at <= $at and (closed_at is null or closed_at > $at) as now_open,
        opened_at <= $at - to_hours($hours) and (closed_at is null or closed_at > $at - to_hours($hours)) as was_open
    from escrows
    where opened_at <= $at
), leaving as (
    select distinct job_id, source_id
    from events
    where occurred_at <= $at and status = 'failure' and "action" in ('disable', 'delete')
), counted as (
    select
        w.job_id,
        min(w.opened_at) filter (where w.now_open) as since,
        count(*) filter (where w.now_open) as waiting,
        count(*) filter (where w.was_open) as before,
        count(l.source_id) filter (where w.now_open) as leavers
    from waits w
    left join leaving l using (job_id, source_id)
    group by w.job_id
)
select
    c.job_id as subject,
    c.since,
    coalesce(j.app_name, c.job_id) || ': more and more objects await a retry' as summary,
    j.app_name,
    c.job_id,
    c.waiting,
    c.before,
    c.leavers
from counted c
left join (select job_id, arg_max(app_name, last_event_at) as app_name from identities group by job_id) j using (job_id)
where c.waiting >= $least and c.waiting > c.before
order by c.since, subject
