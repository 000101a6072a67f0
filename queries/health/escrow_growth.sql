-- Does the number of pending retries grow?
--
-- Title    Growing pending retries
-- Topic    Failures and issues
--
-- Parameters
--   $at       TIMESTAMP[]                      the instants asked about
--   $least    BIGINT = 3, closes at 1          pending retries, at least
--   $hours    BIGINT = 24                      hours ago with which the number is compared
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--
-- Explained by
--   token_refused
--   quarantined
--
-- Fires
--   when at least `least` of a job's users and groups are pending retry, and more than `hours` hours ago.
--
-- Silent
--   on failures that were retried in the same cycle; where the log was not collected.
--
-- Do
--   Open the job's failures in Issues: pending retries usually share one cause. Fix it, and the next retry clears
--   them: Entra retries after 6, 12 and 24 hours, then daily, for 28 days.
--
-- Page
--   quarantine
--
-- Columns
--   as_of        the instant asked about
--   subject      the job
--   since        when the oldest pending retry began
--   summary      the sentence
--   app_name     the application
--   job_id       the job
--   waiting      pending retries now
--   before       pending retries `hours` ago
--   leavers      of these, failed disables and deletes
with leaving as (
    select job_id, source_id, min(occurred_at) as failed_at
    from problems
    where occurred_at <= list_max($at::timestamp[]) and status = 'failure' and "action" in ('disable', 'delete')
    group by job_id, source_id
), waits as materialized (
    select
        e.job_id,
        e.opened_at,
        coalesce(e.closed_at, timestamp 'infinity') as closed_at,
        case when l.failed_at is not null then greatest(e.opened_at, l.failed_at) end as leaving_at
    from escrows e
    left join leaving l using (job_id, source_id)
    where e.opened_at <= list_max($at::timestamp[])
), changes as (
    select job_id, opened_at as as_of, 1 as waiting, 0 as leavers from waits
    union all
    select job_id, closed_at, -1, 0 from waits
    union all
    select job_id, leaving_at, 0, 1 from waits where leaving_at < closed_at
    union all
    select job_id, closed_at, 0, -1 from waits where leaving_at < closed_at
), levels as (
    select job_id, as_of, sum(sum(waiting)) over job as waiting, sum(sum(leavers)) over job as leavers
    from changes
    group by job_id, as_of
    window job as (partition by job_id order by as_of)
), longest as (
    -- Whatever began to wait later and ended no later than another is never the oldest that waits.
    select job_id, opened_at, closed_at
    from waits
    qualify coalesce(closed_at > max(closed_at) over (
        partition by job_id order by opened_at rows between unbounded preceding and 1 preceding), true)
), counted as (
    select i.as_of, i.job_id, n.waiting::bigint as waiting, coalesce(b.waiting, 0)::bigint as before,
        n.leavers::bigint as leavers
    from (select unnest($at::timestamp[]) as as_of, job_id from (select distinct job_id from waits)) i
    asof join levels n on n.job_id = i.job_id and i.as_of >= n.as_of
    asof left join levels b on b.job_id = i.job_id and i.as_of - to_hours($hours) >= b.as_of
), job_names as (
    select job_id, arg_max(app_name, "hour") as app_name from hourly_parts group by job_id
)
select
    c.as_of,
    c.job_id as subject,
    min(w.opened_at) as since,
    coalesce(any_value(j.app_name), job_label(c.job_id)) || ': pending retries are increasing' as summary,
    any_value(j.app_name) as app_name,
    c.job_id,
    c.waiting,
    c.before,
    c.leavers
from counted c
join longest w on w.job_id = c.job_id and w.opened_at <= c.as_of and w.closed_at > c.as_of
left join job_names j on j.job_id = c.job_id
where c.waiting >= $least and c.waiting > c.before
group by c.as_of, c.job_id, c.waiting, c.before, c.leavers
order by c.as_of, since, subject
