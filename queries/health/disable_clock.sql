-- Will Entra soon switch a quarantined job off?
--
-- Parameters
--   $at       TIMESTAMP     the instant asked about
--   $days     BIGINT = 14   days before the end at which it is said first; a week before, it is critical
--   $limit    BIGINT = 28   days of quarantine after which Entra disables a job; Microsoft says more than four weeks
--
-- Severity
--   warning
--
-- Needs
--   jobs 24 hours
--
-- Fires
--   when a job is in quarantine and at most `days` are left until `limit` days after the series began.
--
-- Silent
--   where no status is collected; where Graph gives no beginning, the first status in quarantine counts.
--
-- Do
--   Mend the cause on the page Quarantine before the date: a job that Entra has disabled must be restarted, which
--   costs a whole initial cycle.
--
-- Page
--   quarantine
--
-- Columns
--   subject        the job
--   since          when fewer than `days` were left
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   severity       critical in the last week
--   disabled_at    when Entra gives the job up
--   days_left      whole days until then
--   reason         Graph's reason
with newest as (
    select *, row_number() over (partition by job_id order by observed_at desc, snapshot_id) as nth
    from job_snapshots
    where observed_at <= $at
), ending as (
    select job_id, app_name, quarantine_reason, quarantine_since + to_days($limit::integer) as disabled_at
    from (
        select
            n.job_id,
            n.app_name,
            n.quarantine_reason,
            coalesce(n.quarantine_since, q.opened_at, n.observed_at) as quarantine_since
        from newest n
        left join quarantines q
            on q.job_id = n.job_id and q.opened_at <= $at and (q.closed_at is null or q.closed_at > $at)
        where n.nth = 1 and n.state = 'Quarantine'
    )
)
select
    job_id as subject,
    disabled_at - to_days($days::integer) as since,
    coalesce(app_name, job_id) || ' is switched off on ' || strftime(disabled_at, '%-d %B, %H:%M')
        || ' UTC unless it leaves quarantine' as summary,
    app_name,
    job_id,
    case when disabled_at - interval 7 day <= $at then 'critical' else 'warning' end as severity,
    disabled_at,
    date_diff('day', $at, disabled_at) as days_left,
    quarantine_reason as reason
from ending
where disabled_at - to_days($days::integer) <= $at
order by disabled_at, subject
