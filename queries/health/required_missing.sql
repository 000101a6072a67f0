-- Who cannot be provisioned because a required value is missing?
--
-- Parameters
--   $at       TIMESTAMP                     the instant asked about
--   $least    BIGINT = 1                    people, at least
--   $days     BIGINT = 7                    how far back a skip still counts
--
-- Severity
--   info
--
-- Needs
--   events 24 hours
--
-- Fires
--   when the newest word on somebody is that a required attribute failed validation.
--
-- Silent
--   on people whose attribute Entra has not looked at yet.
--
-- Do
--   Fill the attribute in at the source, or map a default. Entra looks again by itself when the person changes.
--
-- Columns
--   subject        the job
--   since          when the first of them was skipped first
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   people_hit     people who lack a value
--   attribute      the attribute lacking most often, where the log names it
--   people         up to ten names, the longest first
with skipped as (
    select job_id, source_id, min(occurred_at) as since, arg_max(attribute, order_key) as attribute
    from problems
    where occurred_at <= $at and status = 'skipped' and code = 'AttributeValidationFailed'
    group by job_id, source_id
    having max(occurred_at) > $at - to_days($days::integer)
), looked as (
    select
        job_id,
        source_id,
        max(app_name) as app_name,
        arg_max(coalesce(upn, source_name, source_id), order_of(occurred_at, event_id)) as "name",
        arg_max(status = 'skipped' and skip_reason = 'AttributeValidationFailed', order_of(occurred_at, event_id))
            as lacks
    from events
    where occurred_at <= $at and occurred_at > $at - to_days($days::integer)
        and not (status = 'skipped' and coalesce(skip_reason, '') in ('RedundantExport'))
        and source_id in (select source_id from skipped)
    group by job_id, source_id
)
select
    job_id as subject,
    min(since) as since,
    coalesce(max(app_name), job_id) || ': people lack a required value' as summary,
    max(app_name) as app_name,
    job_id,
    count(*) as people_hit,
    mode(attribute) as attribute,
    list("name" order by since, "name")[:10] as people
from looked
join skipped using (job_id, source_id)
where lacks
group by job_id
having count(*) >= $least
order by since, subject
