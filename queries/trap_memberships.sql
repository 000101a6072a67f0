-- Which users are back, and in none of their earlier groups?
--
-- Title    Rehires missing group memberships
-- Topic    Leavers
--
-- A user was removed from the app, or fell out of scope, and is in it again. Entra sends a membership when it changes;
-- that the account was away changes none, so no group named the user again. By Microsoft's documentation such a
-- membership is not picked up until the job is restarted.
--
-- Parameters
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name    the application
--   name        the person's UPN, else the display name
--   was         removed, or out of scope
--   since       since when, as far as the store knows
--   seen        what gives it away, and the groups
--   cure        how to fix it
--   source_id   the person's id in Entra
--   event_id    the event that gives it away
--   job_id      the job
select
    m.app_name,
    m."name",
    m.was,
    m.back_at as since,
    case m.was when 'removed' then 'Back since then' else 'In scope again since then' end
        || ', and no group event has named the person again. Before: '
        || short_list(m.groups) || '.' as seen,
    'Take the person out of the group and put them in again, or restart the job, which sends all memberships.' as cure,
    m.source_id,
    m.event_id,
    m.job_id
from lost_memberships($as_of::timestamp + interval 1 second) m
where ($job is null or m.job_id = $job)
    and ($tenant is null or m.job_id in (from jobs_of_tenant($tenant)))
order by m.was, m.back_at, m.job_id, m.source_id
