-- Which job misses its cycles?
--
-- Title    Missed cycles
-- Topic    Cycles and quarantine
--
-- Parameters
--   $at       TIMESTAMP[]      the instants asked about
--   $grace    BIGINT = 1200    seconds that a cycle may be late
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
--   when no cycle has begun after the job's own interval and `grace` seconds; critical when two cycles are missing,
--   or a running cycle makes no progress.
--
-- Silent
--   on an idle job, whose cycles find nothing to change; on paused, disabled and quarantined jobs; where no job
--   status is collected.
--
-- Do
--   See on the app's Cycles tab when the last cycle ran. Start the job in Entra if it was stopped; otherwise wait one
--   interval, then open a support case with the job's id.
--
-- Page
--   cycles
--
-- Columns
--   as_of           the instant asked about
--   subject         the job
--   since           since when
--   summary         the sentence
--   app_name        the application
--   job_id          the job
--   severity        critical when dead or stalled
--   rhythm          late, dead or stalled
--   due_at          when the cycle was due
--   explanation     the facts in a sentence
--   unknown         what data is missing
select
    as_of,
    job_id as subject,
    coalesce(since, observed_at, as_of) as since,
    app_name || case rhythm when 'late' then ': a cycle is late' when 'dead' then ': cycles have stopped'
        else ': the running cycle makes no progress' end as summary,
    app_name,
    job_id,
    case when rhythm = 'late' then 'warning' else 'critical' end as severity,
    rhythm,
    due_at,
    explanation,
    case when rhythm = 'unknown' then explanation end as unknown
from rhythms_at($at::timestamp[], $grace)
where rhythm in ('late', 'dead', 'stalled', 'unknown')
    and (as_of, job_id) not in (select (r.as_of, r.job_id) from replaced_jobs($at::timestamp[]) r)
order by as_of, since, subject
