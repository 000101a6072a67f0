-- Does the app refuse the token?
--
-- Told by the app's own log, to the minute: the first 401 or 403 after the last call that was answered well.
--
-- Parameters
--   $at       TIMESTAMP        the instant asked about
--   $hours    BIGINT = 24      how far back a refusal still counts
--   $least    BIGINT = 2       refusals since the last good call, at least
--
-- Severity
--   critical
--
-- Needs
--   exchanges 24 hours
--
-- Fires
--   when the newest calls of an app are refused with 401 or 403, `least` times or more, and none was answered well since.
--
-- Silent
--   where the app's log is not collected; on single refusals between good calls.
--
-- Do
--   Make a new token, enter it in Entra, test the connection and save. Where only the vendor's support makes one, write to
--   them now: the page Connections says who and how long it takes.
--
-- Columns
--   subject         the app whose log it is
--   since           the first refusal
--   summary         the sentence
--   app_name        the application
--   job_id          the job
--   last_good_at    the last call that was answered well
--   refusals        refusals since
--   http_status     the newest status
--   detail          what the app said
with calls as (
    select coalesce(app_id, '') as app_id, occurred_at, http_status, detail
    from exchanges
    where occurred_at <= $at and occurred_at > $at - interval 30 day and http_status is not null
), good as (
    select app_id, max(occurred_at) as last_good_at from calls where http_status between 200 and 299 group by app_id
), refused as (
    select
        c.app_id,
        min(c.occurred_at) as since,
        max(c.occurred_at) as newest_at,
        any_value(g.last_good_at) as last_good_at,
        count(*) as refusals,
        arg_max(c.http_status, c.occurred_at) as http_status,
        arg_max(c.detail, c.occurred_at) as detail
    from calls c
    left join good g using (app_id)
    where c.http_status in (401, 403) and (g.last_good_at is null or c.occurred_at > g.last_good_at)
    group by c.app_id
), named as (
    select app_id, arg_max(app_name, observed_at) as app_name, arg_max(job_id, observed_at) as job_id
    from job_snapshots
    where observed_at <= $at
    group by app_id
)
select
    coalesce(n.job_id, nullif(r.app_id, ''), 'SCIM requests') as subject,
    r.since,
    coalesce(n.app_name, nullif(r.app_id, ''), 'The app') || ' refuses the token since ' || strftime(r.since, '%-d %B, %H:%M')
        || ' UTC' as summary,
    n.app_name,
    n.job_id,
    r.last_good_at,
    r.refusals,
    r.http_status,
    r.detail
from refused r
left join named n on n.app_id = r.app_id
where r.refusals >= $least and r.newest_at > $at - to_hours($hours)
order by r.since, subject
