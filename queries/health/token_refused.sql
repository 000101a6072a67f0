-- Does the app reject the token?
--
-- Title    Rejected access token
-- Topic    Configuration and tokens
--
-- From the app's own log, to the minute: the first 401 or 403 after the last successful request.
--
-- Parameters
--   $at       TIMESTAMP[]      the instants asked about
--   $hours    BIGINT = 24      hours for which a rejection still counts
--   $least    BIGINT = 2       rejections since the last successful request, at least
--
-- Severity
--   critical
--
-- Needs
--   newest exchanges 24 hours
--
-- Fires
--   when the newest `least` requests to an app or more were rejected with 401 or 403, the last of them within `hours`
--   hours, and none succeeded since.
--
-- Silent
--   where the app's log is not collected; on single rejections between successful requests; on those of another client,
--   which only lists users and never succeeded; once a cycle that began since then succeeds with nothing in error.
--
-- Do
--   Create a new token in the app, or request one from its vendor; enter it in Entra under Provisioning, Admin
--   credentials, test the connection and save.
--
-- Page
--   quarantine
--
-- Columns
--   as_of           the instant asked about
--   subject         the app whose log it is
--   since           the first rejected request
--   summary         the sentence
--   app_name        the application
--   job_id          the job
--   last_good_at    the last successful request
--   refusals        rejected requests since
--   http_status     the latest HTTP status
--   detail          the app's message
with refusals as materialized (
    select coalesce(app_id, '') as app_id, occurred_at, http_status, detail
    from entra_calls(list_min($at::timestamp[]) - interval 30 day, list_max($at::timestamp[]))
    where http_status in (401, 403)
), refused_apps as (
    select distinct app_id from refusals where occurred_at > list_min($at::timestamp[]) - to_hours($hours)
), good_calls as (
    select coalesce(app_id, '') as app_id, occurred_at
    from app_calls
    where occurred_at <= list_max($at::timestamp[]) and occurred_at > list_min($at::timestamp[]) - interval 30 day
        and http_status between 200 and 299 and coalesce(app_id, '') in (from refused_apps)
), asked as (
    select i.as_of, i.app_id, case when g.occurred_at > i.as_of - interval 30 day then g.occurred_at end as last_good_at
    from (select unnest($at::timestamp[]) as as_of, app_id from refused_apps) i
    asof left join good_calls g on g.app_id = i.app_id and i.as_of >= g.occurred_at
), refused as (
    select
        a.as_of,
        a.app_id,
        any_value(a.last_good_at) as last_good_at,
        min(r.occurred_at) as refused_at,
        max(r.occurred_at) as newest_at,
        count(*) as refusals,
        arg_max(r.http_status, r.occurred_at) as http_status,
        arg_max(r.detail, r.occurred_at) as detail
    from asked a
    join refusals r on r.app_id = a.app_id and r.occurred_at <= a.as_of
        and r.occurred_at > coalesce(a.last_good_at, a.as_of - interval 30 day)
    group by a.as_of, a.app_id
)
select
    r.as_of,
    coalesce(n.job_id, nullif(r.app_id, ''), 'SCIM requests') as subject,
    r.refused_at as since,
    coalesce(n.app_name, nullif(r.app_id, ''), 'The app') || ' has been rejecting the access token since '
        || strftime(r.refused_at, '%-d %b, %H:%M') || ' UTC' as summary,
    coalesce(n.app_name, nullif(r.app_id, '')) as app_name,
    n.job_id,
    r.last_good_at,
    r.refusals,
    r.http_status,
    r.detail
from refused r
left join app_jobs n on n.app_id = r.app_id
left join successful_runs($at::timestamp[]) g on g.as_of = r.as_of and g.job_id = n.job_id
where r.refusals >= $least and r.newest_at > r.as_of - to_hours($hours)
    and not coalesce(g.began_at > r.refused_at, false)
order by r.as_of, since, subject
