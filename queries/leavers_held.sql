-- Which deletions are held and wait for a decision?
--
-- Title    Held deletions
-- Topic    Leavers
--
-- The job's threshold for deletions was reached: allow them, or fix the scope and restart. Nothing happens by itself.
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
--   staged_at       since when it is held back
--   held_s          seconds since then
--   left_as         why the user is to be removed, as Entra reports it; null where no step does
--   threshold       how many deletions the job takes in one cycle, as Graph last reported
--   requests        how often it was logged
--   last_event_at   the newest event
--   source_id       the person's id in Entra
--   event_id        the newest event
--   job_id          the job
with thresholds as (
    select job_id, arg_max(deletion_threshold, observed_at) as threshold
    from job_snapshots
    where observed_at <= $as_of
    group by job_id
)
select
    c.app_name,
    c."name",
    c.staged_at,
    date_diff('second', c.staged_at, least($until::timestamp, $as_of::timestamp + interval 1 second)) as held_s,
    c.left_as,
    t.threshold,
    c.requests,
    c.last_event_at,
    c.source_id,
    c.event_id,
    c.job_id
from leaver_cases(least($until::timestamp, $as_of::timestamp + interval 1 second), only_kind := 'stagedDelete') c
left join thresholds t on t.job_id = c.job_id
where c.outcome = 'held back' and ($job is null or c.job_id = $job) and of_tenant($tenant, c.tenant_id, c.job_id)
order by c.staged_at, c.job_id, c.source_id
