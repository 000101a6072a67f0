-- Who has left, and still has an account in use?
--
-- Title    Leavers with active accounts
-- Topic    Leavers
--
-- Whoever is to be disabled or deleted and is not, whenever that began. Deletions that are held back are apart, and
-- those of an account that is disabled already.
--
-- Parameters
--   $until    TIMESTAMP         as of when at the latest, exclusive
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name        the application
--   name            the person's UPN, else the display name
--   kind            disable or delete
--   started_at      since when, as far as the store knows
--   started_from    trigger: an import showed it before; event: the first event that asked for it
--   left_as         why the user is to be removed, as Entra reports it; null where no step does
--   open_s          seconds since then
--   requests        how often it was asked for
--   status          how the newest event ended
--   error_code      its error
--   skip_reason     why it was skipped
--   reason          its own words
--   http_status     what the app answered
--   scim_type       what kind of SCIM error it called it
--   detail          the app's own words
--   retry_at        when Entra tries again; null where the job is stopped or its quarantine leaves it open
--   last_event_at   when that was
--   source_id       the person's id in Entra
--   event_id        the newest event
--   job_id          the job
select
    c.app_name,
    "name",
    kind,
    started_at,
    started_from,
    left_as,
    took_s as open_s,
    requests,
    c.status,
    error_code,
    skip_reason,
    reason,
    p.http_status,
    p.scim_type,
    p.detail,
    promised_retry(c.retry_at, q.job_id, q.next_attempt_at) as retry_at,
    last_event_at,
    c.source_id,
    c.event_id,
    c.job_id
from leaver_cases(least($until::timestamp, $as_of::timestamp + interval 1 second), unended := true) c
left join stopped_jobs(least($until::timestamp, $as_of::timestamp)) q on q.job_id = c.job_id
left join problems p on p.event_id = c.event_id and p.job_id = c.job_id and p.occurred_at = c.last_event_at
where outcome = 'open' and not was_gone
    and ($job is null or c.job_id = $job) and of_tenant($tenant, c.tenant_id, c.job_id)
order by started_at, c.job_id, c.source_id
