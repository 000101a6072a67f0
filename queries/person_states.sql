-- What is the state of one user or group in each app?
--
-- Title    Status by app
-- Topic    Users and groups
--
-- Parameters
--   $object    VARCHAR    the object's id in Entra
--
-- Columns
--   job_id             the job
--   app_name           the application
--   name               its UPN, else its display name
--   upn                its UPN; null for a group
--   source_name        its display name
--   source_type        User, Group, …
--   target_id          its id in the application
--   state              what the last decisive event left it in
--   since              when the retries began, if one is pending; since_from has what that is known from
--   last_event_at      its newest event
--   last_success_at    when it was last known to be good
--   attempts           successes and failures, ever
--   failures           failures, ever
--   success_share      successes of attempts; null where nothing was tried
--   open_error_code    the error it is failing with
--   retry_at           when Entra tries again; null where the job's quarantine leaves it open
--   skip_reason        why it was last skipped, if that is its state
--   reason             the last event's own words, if it failed or was skipped
--   since_from         first failure, creation time, retry count or at the latest
--   action             the requested action of the newest failure or skip, if that is its state; so are the next two
--   http_status        what the application answered
--   scim_type          what kind of SCIM error it called it
with words as (
    select
        job_id,
        arg_max(reason, order_key) as reason,
        arg_max(skip_reason, order_key) as skip_reason,
        arg_max_null("action", order_key) as "action",
        arg_max_null(http_status, order_key) as http_status,
        arg_max_null(scim_type, order_key) as scim_type
    from outcomes
    where source_id = $object and status in ('failure', 'skipped')
    group by job_id
), waiting as (
    select w.job_id, w.opened_at, promised_retry(w.retry_at, q.job_id, q.next_attempt_at) as retry_at, w.opened_from
    from waiting_escrows w
    left join quarantined_jobs(timestamp 'infinity') q on q.job_id = w.job_id
    where w.source_id = $object
)
select
    i.job_id,
    coalesce(i.app_name, job_label(i.job_id)) as app_name,
    coalesce(i.upn, i.source_name, i.source_id) as name,
    i.upn,
    i.source_name,
    i.source_type,
    i.target_id,
    i.state,
    waiting.opened_at as since,
    i.last_event_at,
    i.last_success_at,
    i.attempts,
    i.failures,
    i.success_share,
    i.open_error_code,
    waiting.retry_at,
    case when i.state = 'skipped' then words.skip_reason end as skip_reason,
    case when i.state in ('failing', 'skipped') then words.reason end as reason,
    waiting.opened_from as since_from,
    case when i.state in ('failing', 'skipped') then words."action" end as "action",
    case when i.state in ('failing', 'skipped') then words.http_status end as http_status,
    case when i.state in ('failing', 'skipped') then words.scim_type end as scim_type
from identities i
left join words using (job_id)
left join waiting using (job_id)
where i.source_id = $object
order by i.app_name, i.job_id
