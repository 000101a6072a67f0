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
--   when the newest calls of an app are refused with 401 or 403, `least` times or more, and none was answered well
--   since.
--
-- Silent
--   where the app's log is not collected; on single refusals between good calls.
--
-- Do
--   Make a new token, enter it in Entra, test the connection and save. Where only the vendor's support makes one,
--   write to them now: the page Connections says who and how long it takes.
--
-- Page
--   quarantine
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
select
    coalesce(n.job_id, nullif(r.app_id, ''), 'SCIM requests') as subject,
    r.refused_at as since,
    coalesce(n.app_name, nullif(r.app_id, ''), 'The app') || ' refuses the token since '
        || strftime(r.refused_at, '%-d %B, %H:%M') || ' UTC' as summary,
    n.app_name,
    n.job_id,
    r.last_good_at,
    r.refusals,
    r.http_status,
    r.detail
from refusals($at::timestamp) r
left join app_jobs n on n.app_id = r.app_id
where r.refusals >= $least and r.newest_at > $at - to_hours($hours)
order by since, subject
