-- What is each job's quarantine status, and how long until Entra disables it?
--
-- Title    Quarantine status
-- Topic    Cycles and quarantine
--
-- By its newest status. A job without any status is unknown: the log does not report quarantine. Entra disables a job
-- after more than four weeks of quarantine.
--
-- Parameters
--   $at       TIMESTAMP           the instant asked about
--   $limit    BIGINT = 28         days of quarantine after which Entra switches a job off
--   $job      VARCHAR = null      one job's id; null asks about all of them
--   $tenant   VARCHAR = null      one tenant's id; null asks about all of them
--
-- Columns
--   job_id                the job
--   app_name              the application it provisions, or the job's id
--   word                  quarantined, switched_off, paused, never_run, healthy or unknown
--   observed_at           when Graph reported it; null where it never did
--   since                 when the quarantine began, by Graph's own date where it gives one
--   disabled_at           when Entra disables the job
--   reason                Graph's reason
--   series_count          how often Entra looked again and kept it
--   next_attempt_at       when Entra looks again
--   error_code            the error behind it, or that of the last run
--   error_message         Graph's words for it
--   tenant_actionable     whether the tenant can fix it, as Graph reports it
--   successive_failures   complete failures in a row
--   deletion_threshold    deletions in one cycle that quarantine the job
--   escrows_pruned        whether failures were cleared in its first cycle
--   assigned              objects it provisions, by Graph's counts
--   token_ends_at         when its app's token expires, as entered or read from the token; null where unknown
--   token_said_by         who entered it
--   out_at                when a status first reported that its newest quarantine is over
with job_records as (
    select job_id, app_name, "hour" as seen_at from hourly_parts where "hour" <= $at
    union all
    select job_id, app_name, observed_at from job_snapshots where observed_at <= $at
), jobs as (
    select job_id, coalesce(arg_max(app_name, seen_at), job_label(job_id)) as app_name
    from job_records
    where job_id is not null and ($job is null or job_id = $job)
    group by job_id
), newest as (
    from job_snapshots
    where observed_at <= $at
    qualify row_number() over (partition by job_id order by observed_at desc, snapshot_id) = 1
), newest_quarantines as (
    from quarantines
    where opened_at <= $at
    qualify row_number() over (partition by job_id order by opened_at desc) = 1
), judged as (
    select *, coalesce(if(r.job_id is null, job_condition(state, schedule_state), null), 'unknown') as word
    from jobs
    left join newest using (job_id)
    left join (select job_id from replaced_jobs([$at::timestamp])) r using (job_id)
)
select
    j.job_id,
    j.app_name,
    j.word,
    j.observed_at,
    case when j.word = 'quarantined' then coalesce(j.quarantine_since, h.opened_at, j.observed_at) end as since,
    case when j.word = 'quarantined'
        then coalesce(j.quarantine_since, h.opened_at, j.observed_at) + to_days($limit::integer) end as disabled_at,
    j.quarantine_reason as reason,
    j.quarantine_count as series_count,
    j.next_attempt_at,
    j.error_code,
    j.error_message,
    j.tenant_actionable,
    j.successive_failures,
    j.deletion_threshold,
    coalesce(j.escrows_pruned, false) as escrows_pruned,
    coalesce(j.entitled, j.users + j.groups) as assigned,
    t.expires_at as token_ends_at,
    t.recorded_by as token_said_by,
    case when h.closed_at <= $at then h.closed_at end as out_at
from judged j
left join newest_quarantines h using (job_id)
left join token_ends($at::timestamp) t on t.app_name = j.app_name
where $tenant is null or j.job_id in (from jobs_of_tenant($tenant))
order by j.word <> 'quarantined', disabled_at, j.app_name, j.job_id
