-- Which job does not keep its rhythm?
--
-- Title    Missed cycles
-- Topic    Cycles and quarantine
--
-- Parameters
--   $at       TIMESTAMP[]      the instants asked about
--   $grace    BIGINT = 1200    seconds that a run may be late
--
-- Severity
--   warning
--
-- Needs
--   jobs 6 hours
--
-- Explained by
--   token_refused
--   quarantined
--   failing_runs
--   silence
--
-- Fires
--   when a run is missing after the job's own interval and the grace; critical when two are, or nothing in a cycle
--   moves.
--
-- Silent
--   on an idle job, which runs and finds nothing; on paused, disabled and quarantined ones; where no status comes.
--
-- Do
--   See on the page Cycles when it ran last. Start it in Entra if somebody stopped it; otherwise wait one interval,
--   then open a ticket with the job's id.
--
-- Page
--   cycles
--
-- Columns
--   as_of           the instant asked about
--   subject         the job
--   since           since when it is so
--   summary         the sentence
--   app_name        the application
--   job_id          the job
--   severity        critical when dead or stalled
--   rhythm          late, dead or stalled
--   due_at          when the run was due
--   explanation     the facts in a sentence
--   unknown         what is missing to tell
select
    as_of,
    job_id as subject,
    coalesce(since, observed_at, as_of) as since,
    app_name || case rhythm when 'late' then ': a run is late' when 'dead' then ' does not run any more'
        else ': a cycle runs and nothing in it moves' end as summary,
    app_name,
    job_id,
    case when rhythm = 'late' then 'warning' else 'critical' end as severity,
    rhythm,
    due_at,
    explanation,
    case when rhythm = 'unknown' then explanation end as unknown
from rhythms_at($at::timestamp[], $grace)
where rhythm in ('late', 'dead', 'stalled', 'unknown')
order by as_of, since, subject
