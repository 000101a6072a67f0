-- Who reached this stage, or left the way before it?
--
-- Title    Users and groups by stage
-- Topic    Scope and skips
--
-- By the last event of the window, as in the funnel.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $stage     VARCHAR           seen, in scope, matched, changed or exported
--   $leak      VARCHAR = null    why they did not reach it; null asks who did
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $limit     BIGINT = 200      how many at most, the newest first
--
-- Columns
--   occurred_at    the last event
--   name           the person or group
--   app_name       the application
--   action         the requested action
--   status         how it ended
--   error_code     why it failed
--   skip_reason    why it was skipped
--   source_id      the object's id in Entra
--   event_id       the event
--   job_id         the job
select
    occurred_at,
    "name",
    app_name,
    "action",
    status,
    error_code,
    skip_reason,
    source_id,
    event_id,
    job_id
from last_events($since, $until)
where ($job is null or job_id = $job) and of_tenant($tenant, tenant_id, job_id)
    and (leak = $leak
        or $leak is null
            and stage_of(leak) > (select ordinal from funnel_stages where stage = $stage))
order by occurred_at desc, "name", job_id, source_id
limit $limit
