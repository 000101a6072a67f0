-- Will Entra soon disable a quarantined job?
--
-- Title    Upcoming job disablement
-- Topic    Cycles and quarantine
--
-- Parameters
--   $at       TIMESTAMP[]   the instants asked about
--   $days     BIGINT = 14   days before the end at which it is reported; a week before, it is critical
--   $limit    BIGINT = 28   days of quarantine after which Entra disables a job; documented as more than four weeks
--
-- Severity
--   warning
--
-- Needs
--   jobs 24 hours
--
-- Fires
--   when a job is in quarantine and at most `days` days are left until `limit` days after the quarantine began.
--
-- Silent
--   where no job status is collected; where Graph gives no beginning, the first status in quarantine counts.
--
-- Do
--   Fix the cause, shown on the app's page, before that date: a job that Entra has disabled must be restarted, which
--   triggers a full initial cycle.
--
-- Page
--   quarantine
--
-- Columns
--   as_of          the instant asked about
--   subject        the job
--   since          when fewer than `days` were left
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   severity       critical in the last week
--   disabled_at    when Entra disables the job
--   days_left      whole days until then
--   reason         Graph's reason
with statuses as (
    select *
    from job_snapshots
    where observed_at <= list_max($at::timestamp[])
    qualify row_number() over (partition by job_id, observed_at order by snapshot_id) = 1
), newest as (
    select i.as_of, s.*
    from (select unnest($at::timestamp[]) as as_of, job_id from (select distinct job_id from statuses)) i
    asof join statuses s on s.job_id = i.job_id and i.as_of >= s.observed_at
), ending as (
    select
        n.as_of,
        n.job_id,
        n.app_name,
        n.quarantine_reason,
        coalesce(n.quarantine_since, q.opened_at, n.observed_at) + to_days($limit::integer) as disabled_at
    from newest n
    left join quarantines q
        on q.job_id = n.job_id and q.opened_at <= n.as_of and (q.closed_at is null or q.closed_at > n.as_of)
    where n.state = 'Quarantine'
        and (n.as_of, n.job_id) not in (select (r.as_of, r.job_id) from replaced_jobs($at::timestamp[]) r)
)
select
    as_of,
    job_id as subject,
    disabled_at - to_days($days::integer) as since,
    name_of_job(app_name, job_id) || ': Entra disables the job on ' || strftime(disabled_at, '%-d %b, %H:%M')
        || ' UTC unless it leaves quarantine' as summary,
    app_name,
    job_id,
    case when disabled_at - interval 7 day <= as_of then 'critical' else 'warning' end as severity,
    disabled_at,
    date_diff('day', as_of, disabled_at) as days_left,
    quarantine_reason as reason
from ending
where disabled_at - to_days($days::integer) <= as_of
order by as_of, disabled_at, subject
