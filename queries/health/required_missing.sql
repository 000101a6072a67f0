-- Which users cannot be provisioned because a required attribute is missing?
--
-- Title    Required attribute missing
-- Topic    Failures and issues
--
-- Parameters
--   $at       TIMESTAMP[]                   the instants asked about
--   $least    BIGINT = 1                    users and groups, at least
--   $days     BIGINT = 7                    days for which a skip still counts
--
-- Severity
--   info
--
-- Needs
--   events 24 hours
--
-- Fires
--   when the newest event of at least `least` of a job's users and groups is a skip for a missing required attribute,
--   in the last `days` days.
--
-- Silent
--   on users that Entra has not evaluated yet.
--
-- Do
--   Fill in the attribute at the source, or map a default value. Entra evaluates the user again at the next change.
--
-- Page
--   skips
--
-- Columns
--   as_of          the instant asked about
--   subject        the job
--   since          when the first of them was first skipped
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   people_hit     users missing a value
--   attribute      the attribute that is missing most often
--   people         up to ten names, those that wait longest first
with skipped as materialized (
    select job_id, source_id, min(occurred_at) as since
    from problems
    where occurred_at <= list_max($at::timestamp[]) and status = 'skipped' and code = 'AttributeValidationFailed'
    group by job_id, source_id
    having max(occurred_at) > list_min($at::timestamp[]) - to_days($days::integer)
), looked as (
    select
        job_id,
        source_id,
        occurred_at,
        coalesce(upn, source_name, source_id) as "name",
        app_name,
        event_id,
        status = 'skipped' and coalesce(skip_reason = 'AttributeValidationFailed', false) as lacks,
        lead(occurred_at) over (
            partition by job_id, source_id order by order_of(occurred_at, event_id, "action", status)) as next_at
    from events
    where occurred_at <= list_max($at::timestamp[])
        and occurred_at > list_min($at::timestamp[]) - to_days($days::integer)
        and not (status = 'skipped' and coalesce(skip_reason, 'RedundantExport') = 'RedundantExport')
        and source_id in (select source_id from skipped)
), lacking as (
    select
        l.*,
        s.since,
        p.attribute,
        least(coalesce(l.next_at, timestamp 'infinity'), l.occurred_at + to_days($days::integer)) as until,
        row_number() over (partition by l.job_id order by s.since, l."name") as place
    from looked l
    join skipped s using (job_id, source_id)
    asof left join (
        select job_id, source_id, occurred_at, arg_max(attribute, order_key) as attribute
        from problems
        where status = 'skipped' and code = 'AttributeValidationFailed' and attribute is not null
        group by job_id, source_id, occurred_at
    ) p on p.job_id = l.job_id and p.source_id = l.source_id and l.occurred_at >= p.occurred_at
    where l.lacks
)
select
    i.as_of,
    l.job_id as subject,
    min(l.since) as since,
    coalesce(max(l.app_name), job_label(l.job_id)) || ': required attribute missing' as summary,
    max(l.app_name) as app_name,
    l.job_id,
    count(*) as people_hit,
    mode(l.attribute) as attribute,
    arg_min(l."name", l.place, 10) as people
from (select unnest($at::timestamp[]) as as_of) i
join lacking l on l.occurred_at <= i.as_of and l.until > i.as_of
group by i.as_of, l.job_id
having count(*) >= $least
order by i.as_of, min(l.since), subject
