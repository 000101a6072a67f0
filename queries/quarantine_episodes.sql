-- Which quarantines were there, how soon were they noticed, and how long did they last?
--
-- Title    Quarantines and detection time
-- Topic    Cycles and quarantine
--
-- From the job statuses; noticed is when a check of the rule quarantined found it.
--
-- Parameters
--   $at       TIMESTAMP           the instant asked about
--   $job      VARCHAR = null      one job's id; null asks about all of them
--   $tenant   VARCHAR = null      one tenant's id; null asks about all of them
--
-- Columns
--   job_id         the job
--   app_name       the application it provisions
--   opened_at      when it began, as Graph reports it
--   noticed_at     when a check found it; null where none did
--   closed_at      when a status first reported that it was over; null while it lasts
--   reason         Graph's reason
--   error_code     the error behind it
--   series_count   how often Entra looked again and kept it
with noticed as (
    select job_id, opened_at, closed_at, noticed_at from incidents where "rule" = 'quarantined'
)
select
    q.job_id,
    name_of_job(q.app_name, q.job_id) as app_name,
    q.opened_at,
    min(n.noticed_at) as noticed_at,
    case when q.closed_at <= $at then q.closed_at end as closed_at,
    q.reason,
    q.error_code,
    q.series_count
from quarantines q
left join noticed n
    on n.job_id = q.job_id
        and n.opened_at >= q.opened_at - interval 5 minute
        and n.opened_at < coalesce(q.closed_at, timestamp 'infinity')
where q.opened_at <= $at
    and ($job is null or q.job_id = $job)
    and ($tenant is null or q.job_id in (from jobs_of_tenant($tenant)))
group by all
order by q.opened_at desc, q.job_id
