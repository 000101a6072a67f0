-- How long did each cycle take, and how much of its work failed?
--
-- Title    Cycle history
-- Topic    Cycles and quarantine
--
-- A cycle that found nothing to change leaves no event; it is here if Graph's status reported it.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--   $least    BIGINT = 0        events that a cycle has at least; one that failed is never left out
--   $limit    BIGINT = 200      how many at most, the newest first
--
-- Columns
--   job_id           the job
--   cycle_id         the cycle
--   app_name         the application
--   began_at         when it began; its first event where no status reports it
--   ended_at         when it ended; its last event so far where no status reports it
--   kind             initial, restarted, incremental or steady; null where no status reports it
--   outcome          what the log shows: succeeded, errors, nothing_to_do, or failed (reported by Graph)
--   reported_outcome  Graph's own word; null without a status
--   events           events in it
--   objects          distinct objects in it
--   succeeded        events that ended well
--   failed           events that failed
--   skipped          events left out
--   warnings         events that ended well with a reservation
--   duration_ms      from its beginning to its end
select
    job_id,
    cycle_id,
    name_of_job(app_name, job_id) as app_name,
    began_at,
    ended_at,
    kind,
    outcome,
    reported_outcome,
    events,
    objects,
    succeeded,
    failed,
    skipped,
    warnings,
    duration_ms
from cycles
where began_at >= $since
    and began_at < $until
    and (events >= $least or outcome = 'failed')
    and ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
order by began_at desc, job_id, cycle_id
limit $limit
