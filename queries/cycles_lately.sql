-- How long did each cycle take, and how much of its work failed?
--
-- Only cycles that left an event: one that looked and found nothing to change leaves none in the log.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $limit    BIGINT = 200      how many at most, the newest first
--
-- Columns
--   job_id           the job
--   cycle_id         the cycle
--   app_name         the application
--   began_at         its first event
--   ended_at         its last event
--   kind             initial or incremental; null where no status tells
--   outcome          Succeeded, EntryLevelErrors or Failed
--   events           events in it
--   objects          distinct objects in it
--   succeeded        events that ended well
--   failed           events that failed
--   skipped          events left out
--   warnings         events that ended well with a reservation
--   duration_ms      from its first event to its last
select
    job_id,
    cycle_id,
    app_name,
    began_at,
    ended_at,
    kind,
    outcome,
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
    and ($job is null or job_id = $job)
order by began_at desc, job_id, cycle_id
limit $limit
