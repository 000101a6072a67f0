-- Of which job does nothing come, though it should?
--
-- Title    No provisioning activity
-- Topic    Data coverage
--
-- Parameters
--   $at       TIMESTAMP[]      the instants asked about
--   $grace    BIGINT = 1200    seconds that a run may be late
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
--   when a job left no event for two intervals and something else shows that this is no idleness: a pause, missing
--   runs, refused calls, an app that fails, writes that the log does not have, or a collection that does not get
--   through.
--
-- Silent
--   on an idle job, which runs and has nothing to do; where no status is collected at all.
--
-- Do
--   By cause: resume the job; enter a new token; tell the app's operator; mend the diagnostic setting; mend our own
--   collection, on the page Connections.
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
--   severity         warning for a pause, which somebody meant
--   cause            what is behind it
--   receiver         who can mend it
--   last_event_at    the newest event
--   good_at          the last call that was answered well
--   shown_by         app_log, job_status or collection
--   unknown          what is missing to tell
select
    as_of,
    job_id as subject,
    since,
    app_name || ' is silent: ' || explanation as summary,
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
where cause is distinct from 'idle'
order by as_of, since, subject
