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
--   since              when the retries began, if one is pending; since_from has what that is known from. Of a rejected
--                      change, when that was
--   last_event_at      its newest event
--   last_success_at    when it was last known to be good
--   attempts           successes and failures, ever
--   failures           failures, ever
--   success_share      successes of attempts; null where nothing was tried
--   open_error_code    the error it is failing with
--   retry_at           when Entra tries again; null where the job is stopped or its quarantine leaves it open
--   skip_reason        why it was last skipped, if that is its state
--   reason             the newest failure's own words, if it is failing; the newest skip's, if it is skipped
--   since_from         first failure, creation time, retry count or at the latest
--   action             the requested action of the newest failure, skip or rejected change, if that is its state; so
--                      are the next two
--   http_status        what the application answered
--   scim_type          what kind of SCIM error it called it
--   account            its account there: active, disabled, deleted, absent or unknown
--   taken_over_at      since when a newer job of the app has handled what failed, if that is why it is unknown
--   status_word        the newest event's status as the log spells it, if it is undocumented and so the state unknown
--   method             the HTTP method of the request that the app rejected; null unless the state is rejected
with words as (
    -- Of what fails those of its newest failure, whatever was skipped since.
    select
        job_id,
        status,
        arg_max(
            {a: "action", skip: skip_reason, http: http_status, scim: scim_type, words: reason}, order_key) as newest
    from outcomes
    where source_id = $object and status in ('failure', 'skipped')
    group by job_id, status
), unfamiliar as (
    select job_id, arg_max(status, order_key) as status
    from outcomes
    where source_id = $object and status not in ('success', 'failure', 'skipped', 'warning')
    group by job_id
), waiting as (
    select w.job_id, w.opened_at, promised_retry(w.retry_at, q.job_id, q.next_attempt_at) as retry_at, w.opened_from
    from waiting_escrows w
    left join stopped_jobs(timestamp 'infinity') q on q.job_id = w.job_id
    where w.source_id = $object
)
select
    i.job_id,
    name_of_job(i.app_name, i.job_id) as app_name,
    coalesce(i.upn, i.source_name, i.source_id) as name,
    i.upn,
    i.source_name,
    i.source_type,
    i.target_id,
    i.state,
    coalesce(waiting.opened_at, r.since) as since,
    i.last_event_at,
    i.last_success_at,
    i.attempts,
    i.failures,
    i.success_share,
    i.open_error_code,
    waiting.retry_at,
    newest.skip as skip_reason,
    newest.words as reason,
    waiting.opened_from as since_from,
    coalesce(newest.a, r."action") as "action",
    coalesce(newest.http, r.http_status) as http_status,
    newest.scim as scim_type,
    i.account,
    t.taken_over_at,
    unfamiliar.status as status_word,
    r."method"
from identities i
left join words on words.job_id = i.job_id
    and words.status = case i.state when 'failing' then 'failure' when 'skipped' then 'skipped' end
left join waiting on waiting.job_id = i.job_id
left join unfamiliar on unfamiliar.job_id = i.job_id and i.state = 'unknown'
left join taken_over t on t.job_id = i.job_id and t.source_id = i.source_id and i.state = 'unknown'
left join rejected_as_of([timestamp 'infinity']) r
    on r.job_id = i.job_id and r.source_id = i.source_id and i.state = 'rejected'
where i.source_id = $object
order by app_name, i.job_id
