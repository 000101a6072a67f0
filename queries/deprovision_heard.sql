-- Do the apps' own logs confirm each removal that Entra reports as done?
--
-- Title    Removals confirmed by the app
-- Topic    Leavers
--
-- Each is compared with the log of SCIM requests, as in SCIM traffic. `not known`: no log covers that moment.
--
-- Parameters
--   $since    TIMESTAMP         start of the window in which it began, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name       the application
--   name           the person's UPN, else the display name
--   kind           disable or delete
--   ended_at       when Entra called it done
--   cell           both well, never seen, refused but well, or `not known`
--   heard_at       when the app received it, by its own clock
--   method         PATCH, PUT or DELETE
--   http_status    what was answered
--   matched_by     request id, error text or score
--   score          how well the two fit
--   source_id      the person's id in Entra
--   event_id       the event
--   job_id         the job
with event_cells as materialized (
    select event_id, job_id, cell, requested_at, "method", http_status, matched_by, score
    from both_sides($since::timestamp, least($until::timestamp, $as_of::timestamp + interval 1 second))
    where event_id is not null
)
select
    c.app_name,
    c."name",
    c.kind,
    c.ended_at,
    coalesce(h.cell, 'not known') as cell,
    h.requested_at as heard_at,
    h."method",
    h.http_status,
    h.matched_by,
    h.score,
    c.source_id,
    c.event_id,
    c.job_id
from leaver_cases(least($until::timestamp, $as_of::timestamp + interval 1 second)) c
left join event_cells h on h.event_id = c.event_id and h.job_id = c.job_id
where c.outcome = 'done'
    and c.started_at >= $since
    and ($job is null or c.job_id = $job)
    and of_tenant($tenant, c.tenant_id, c.job_id)
order by coalesce(h.cell, 'not known') = 'both well', c.ended_at desc, c.job_id, c.source_id
