-- How well is each person or group provisioned, app by app?
--
-- Title    Users and groups
-- Topic    Users and groups
--
-- One row is one object in one app. It is found by its newest names, and by those that an earlier load knew it under,
-- whatever the case and the accents.
--
-- Parameters
--   $since     TIMESTAMP           start of the window of daily_failures, inclusive
--   $until     TIMESTAMP           end of the window of daily_failures, exclusive
--   $job       VARCHAR = null      one job's id; null asks about all of them
--   $tenant    VARCHAR = null      one tenant's id; null asks about all of them
--   $search    VARCHAR = null      part of a UPN, a name, a source id or a target id; case and accents do not matter
--   $state     VARCHAR = null      failing, rejected, skipped, in_sync, disabled, deleted or unknown
--   $sort      VARCHAR = failures  failing (then rejected) first, failures, share, recent or name
--   $limit     BIGINT = 50         how many rows
--   $offset    BIGINT = 0          how many rows to leave out first
--
-- Columns
--   job_id           the job
--   app_name         the application
--   source_id        the object's id in Entra
--   source_type      User, Group, …
--   name             its UPN, else its display name
--   source_name      its display name
--   target_id        its id in the application
--   state            what the last decisive event left it in
--   attempts         successes and failures, ever
--   failures         failures, ever
--   success_share    successes of attempts; null where nothing was tried
--   last_success_at  when it was last known to be good
--   last_event_at    its newest event
--   open_error_code  the error it is failing with
--   daily_failures   failures of each day of the window, oldest first
--   retry_at         when Entra tries a failing one again; null where the job is stopped
--   action           the requested action of its newest failure, skip or rejected change, if that is its state; so are
--                    the next four
--   skip_reason      why it was skipped
--   http_status      what the application answered
--   scim_type        what kind of SCIM error it called it
--   reason           the log's own words
--   taken_over_at    since when a newer job of the app has handled what failed, if that is why it is unknown
--   status_word      the newest event's status as the log spells it, if it is undocumented and so the state unknown
with search_hits as (
    select job_id, source_id
    from identity_parts
    where contains(
        strip_accents(lower(concat_ws(' ', upn, source_name, source_id, target_id))), strip_accents(lower($search))
    )
), page as (
    select job_id, source_id, state, attempts, failures, success_share, last_success_at, last_event_at, open_error_code
    from identities
    where ($job is null or job_id = $job)
        and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
        and ($search is null or (job_id, source_id) in (from search_hits))
        and ($state is null or state = $state)
    order by
        case when $sort = 'failing' then coalesce(list_position(['failing', 'rejected'], state), 3) end,
        case when $sort in ('failing', 'failures') then failures end desc,
        case when $sort = 'share' then success_share end,
        case when $sort = 'recent' then last_event_at end desc,
        case when $sort = 'name' then lower(coalesce(upn, source_name, source_id)) end,
        source_id, job_id
    limit $limit offset $offset
), page_names as (
    -- Only the page's rows: folding the names of a million objects to show fifty would take most of the time.
    select job_id, source_id, arg_max_null(app_name, named_key) as app_name,
        arg_max_null(source_type, named_key) as source_type, arg_max_null(upn, named_key) as upn,
        arg_max_null(source_name, named_key) as source_name, arg_max(target_id, target_key) as target_id
    from identity_parts where source_id in (select source_id from page) group by job_id, source_id
), failed as (
    select job_id, source_id,
        histogram((epoch_ms($until::timestamp) - epoch_ms(occurred_at) - 1) // 86_400_000) as by_day
    from events
    where status = 'failure' and occurred_at >= $since and occurred_at < $until
        and source_id in (select source_id from page)
    group by job_id, source_id
), retries as (
    select w.job_id, w.source_id, w.failed_at, promised_retry(w.retry_at, q.job_id, q.next_attempt_at) as retry_at
    from pending_retries w
    left join stopped_jobs(timestamp 'infinity') q on q.job_id = w.job_id
    where w.closed_at is null and w.source_id in (select source_id from page)
), reasons as (
    -- Of what fails those of its newest failure, whatever was skipped since. Joined by the instant first, which leaves
    -- out most files of events: that takes a third of the time.
    select e.job_id, e.source_id, max_by({a: "action", skip: skip_reason, http: http_status, scim: scim_type,
            words: reason, s: status}, order_of(occurred_at, event_id, "action", status)) as newest
    from events e
    join (
        select job_id, source_id, state, coalesce(case when state = 'failing' then failed_at end, last_event_at) as at
        from page left join retries using (job_id, source_id)
    ) p on p.at = e.occurred_at and p.job_id = e.job_id and p.source_id = e.source_id
    where p.state = 'unknown' or e.status = case p.state when 'failing' then 'failure' when 'skipped' then 'skipped' end
    group by e.job_id, e.source_id
)
select p.job_id, name_of_job(n.app_name, p.job_id) as app_name, p.source_id, n.source_type,
    coalesce(n.upn, n.source_name, p.source_id) as name, n.source_name, n.target_id,
    p.state, p.attempts, p.failures, p.success_share, p.last_success_at, p.last_event_at, p.open_error_code,
    list_transform(range((epoch_ms($until::timestamp) - epoch_ms($since::timestamp) - 1) // 86_400_000, -1, -1),
        lambda ago: coalesce(failed.by_day[ago], 0)) as daily_failures,
    case when p.state = 'failing' then retries.retry_at end as retry_at, coalesce(newest.a, r."action") as "action",
    newest.skip as skip_reason, coalesce(newest.http, r.http_status) as http_status, newest.scim as scim_type,
    newest.words as reason, t.taken_over_at,
    case when p.state = 'unknown' and newest.s not in ('success', 'failure', 'skipped', 'warning') then newest.s end
        as status_word
from page p
join page_names n using (job_id, source_id) left join failed using (job_id, source_id)
left join reasons using (job_id, source_id) left join retries using (job_id, source_id)
left join taken_over t on t.job_id = p.job_id and t.source_id = p.source_id and p.state = 'unknown'
left join rejected_as_of([timestamp 'infinity']) r
    on r.job_id = p.job_id and r.source_id = p.source_id and p.state = 'rejected'
order by
    case when $sort = 'failing' then coalesce(list_position(['failing', 'rejected'], p.state), 3) end,
    case when $sort in ('failing', 'failures') then p.failures end desc,
    case when $sort = 'share' then p.success_share end,
    case when $sort = 'recent' then p.last_event_at end desc,
    case when $sort = 'name' then lower(name) end,
    p.source_id, p.job_id
