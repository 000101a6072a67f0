-- Which leavers are still active in an app?
--
-- Parameters
--   $at       TIMESTAMP      the instant asked about
--   $hours    BIGINT = 24    how long a disable or delete may take
--
-- Severity
--   critical
--
-- Needs
--   events 24 hours
--
-- Fires
--   when a disable or delete failed, nothing since settled it, and `hours` have passed.
--
-- Silent
--   on leavers whose disable Entra never tried: unassigned ones, those out of scope, and all while a job is in
--   quarantine; rules of their own tell of that.
--
-- Do
--   Switch the accounts off in the app by hand now, then mend the cause; leavers come before everybody else who waits.
--
-- Columns
--   subject       the job
--   since         when the first of them had waited too long
--   summary       the sentence
--   app_name      the application
--   job_id        the job
--   leavers       people whose disable or delete waits
--   people        up to ten names, the longest wait first
--   error_code    the commonest error among them
with tried as (
    select
        job_id,
        source_id,
        app_name,
        coalesce(upn, source_name, source_id) as "name",
        occurred_at,
        "action",
        status,
        error_code,
        state_of("action", status, skip_reason) as state,
        order_of(occurred_at, event_id) as order_key
    from events
    where occurred_at <= $at and "action" in ('disable', 'delete')
), waiting as (
    select
        job_id,
        source_id,
        max(app_name) as app_name,
        arg_max("name", order_key) as "name",
        arg_max(status, order_key) as status,
        arg_max(error_code, order_key) as error_code,
        min(occurred_at) filter (where status = 'failure') as since
    from tried
    group by job_id, source_id
    having arg_max(status, order_key) = 'failure'
)
select
    job_id as subject,
    min(since) + to_hours($hours) as since,
    coalesce(max(app_name), job_id) || ': leavers are still active' as summary,
    max(app_name) as app_name,
    job_id,
    count(*) as leavers,
    list("name" order by since, "name")[:10] as people,
    mode(error_code) as error_code
from waiting w
where since + to_hours($hours) <= $at
    and not exists (
        select 1 from escrows e
        where e.job_id = w.job_id and e.source_id = w.source_id and e.closed_at between w.since and $at
    )
group by job_id
order by since, subject
