-- Which job shows no activity, though it should?
--
-- Title    No provisioning activity
-- Topic    Data coverage
--
-- Parameters
--   $at       TIMESTAMP[]      the instants asked about
--   $grace    BIGINT = 1200    seconds that a cycle may be late
--
-- Severity
--   critical
--
-- Needs
--   jobs 24 hours
--   newest exchanges 24 hours where shown_by is app_log
--
-- Explained by
--   token_refused where cause is credentials
--   quarantined where cause is credentials, target_down, dead
--   collection_troubled of any app whose feed is events, jobs, container where cause is collector_broken
--
-- Fires
--   when a job has left no event for two intervals and other evidence shows that it is not idle: a pause, missed
--   cycles, rejected requests, an app that fails, requests that the log does not have, or a failing collection.
--
-- Silent
--   on an idle job, whose cycles find nothing to change; where no job status is collected; on a job that a newer job of
--   the same app has replaced.
--
-- Do
--   Open the app's page: it names the cause and the owner. Paused: resume the job. Token rejected: enter a new token
--   in Entra. App down: contact its operator. Log export: fix the diagnostic setting. Collection: fix it under Data
--   sources.
--
-- Page
--   quarantine
--
-- Columns
--   as_of            the instant asked about
--   subject          the job
--   since            when the cause was first seen
--   summary          the sentence
--   app_name         the application
--   job_id           the job
--   severity         warning for a pause, which is deliberate
--   cause            the cause
--   receiver         the owner
--   last_event_at    the newest event
--   good_at          the last successful request
--   shown_by         app_log, job_status or collection
--   unknown          what data is missing
select
    as_of,
    job_id as subject,
    since,
    app_name || ': no provisioning activity (' || explanation || ')' as summary,
    app_name,
    job_id,
    case when cause = 'paused' then 'warning' else 'critical' end as severity,
    cause,
    receiver,
    last_event_at,
    good_at,
    shown_by,
    case when cause is null then explanation end as unknown
from silences_at($at::timestamp[], $grace)
where cause is null or cause not in ('idle', 'replaced')
order by as_of, since, subject
