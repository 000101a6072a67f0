-- Which leavers are still active in an app?
--
-- Title    Leavers with access
-- Topic    Leavers
--
-- Parameters
--   $at       TIMESTAMP[]    the instants asked about
--   $hours    BIGINT = 24    hours that a disable or delete may take
--
-- Severity
--   critical
--
-- Needs
--   events 24 hours
--
-- Explained by
--   token_refused
--   quarantined
--
-- Fires
--   when a disable or delete failed more than `hours` hours ago, and nothing since shows the account disabled or
--   deleted.
--
-- Silent
--   on leavers that Entra never tried to disable: unassigned users, users out of scope, and all leavers of a job in
--   quarantine; other rules cover those. On a deletion of an account that is disabled already.
--
-- Do
--   Disable the accounts in the app by hand now, then fix the cause. Leavers come first among all pending retries.
--
-- Columns
--   as_of         the instant asked about
--   subject       the job
--   since         when the first of them became overdue
--   summary       the sentence
--   app_name      the application
--   job_id        the job
--   leavers       users whose disable or delete is pending
--   people        up to ten names, the longest wait first
--   error_code    the commonest error among them
--   settled       where none is pending: the names of those who were, and were removed or are in use again since; then
--                 the row is no finding
with refused as (
    -- Whoever was never refused waits for nothing.
    select distinct object
    from footings
    where removal in ('disable', 'delete') and status = 'failure' and occurred_at <= list_max($at::timestamp[])
), marked as (
    -- Each time that somebody was to go is apart: one ends where it is done, or the account is in use again.
    select
        *,
        count(ends) over before as run,
        last_value(ends ignore nulls) over before as ended_before
    from footings
    where occurred_at <= list_max($at::timestamp[]) and (removal in ('disable', 'delete') or ends is not null)
        and object in (from refused)
    window before as (partition by object order by order_key rows between unbounded preceding and 1 preceding)
), tried as (
    select
        job_id,
        source_id,
        status,
        occurred_at,
        ended_before,
        coalesce("name", source_id) as "name",
        min(occurred_at) filter (where status = 'failure') over past as since,
        arg_max(error_code, order_key) over past as error_code,
        max(app_name) over past as app_name,
        lead(occurred_at) over (partition by object order by order_key) as next_at,
        lead(ends) over (partition by object order by order_key) as next_ends
    from marked
    window past as (partition by object, run order by order_key rows unbounded preceding)
), failed as materialized (
    -- Those that may wait at one of the instants, or waited in the weeks before.
    select *
    from tried
    where status = 'failure' and ended_before is distinct from 'done'
        and since + to_hours($hours) <= list_max($at::timestamp[])
        and coalesce(next_at > list_min($at::timestamp[]) - interval 28 day, true)
), settled as (
    select f.job_id, f.source_id, f.since, min(e.closed_at) as closed_at
    from (select distinct job_id, source_id, since from failed) f
    join escrows e on e.job_id = f.job_id and e.source_id = f.source_id and e.closed_at >= f.since
    group by f.job_id, f.source_id, f.since
), waits as (
    -- From when it has waited too long until the next try, or until something settled it.
    select
        f.*,
        greatest(f.occurred_at, f.since + to_hours($hours)) as due_at,
        least(coalesce(f.next_at, timestamp 'infinity'), coalesce(s.closed_at, timestamp 'infinity')) as until,
        coalesce(f.next_ends is not null or s.closed_at <= until, false) as is_settled,
        row_number() over (partition by f.job_id order by f.since, f."name") as place
    from failed f
    left join settled s using (job_id, source_id, since)
), waits_by_instant as (
    select i.as_of, w.*, w.until > i.as_of as is_pending
    from (select unnest($at::timestamp[]) as as_of) i
    join waits w on w.due_at <= i.as_of and (w.until > i.as_of or w.is_settled and w.until > i.as_of - interval 28 day)
)
select
    as_of,
    job_id as subject,
    coalesce(min(since) filter (is_pending), min(since)) + to_hours($hours) as since,
    coalesce(max(app_name), job_label(job_id)) || ': leavers still have active accounts' as summary,
    max(app_name) as app_name,
    job_id,
    count(*) filter (is_pending) as leavers,
    arg_min("name", place, 10) filter (is_pending) as people,
    mode(error_code) filter (is_pending) as error_code,
    case when not bool_or(is_pending) then list_sort(list(distinct "name")) end as settled
from waits_by_instant
group by as_of, job_id
order by as_of, since, subject
