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
with looked as (
    select
        job_id,
        source_id,
        max(app_name) as app_name,
        arg_max(coalesce(upn, source_name, source_id), order_of(occurred_at, event_id)) as "name",
        arg_max(status = 'skipped' and skip_reason = 'AttributeValidationFailed', order_of(occurred_at, event_id))
            as lacks,
        min(occurred_at) filter (where skip_reason = 'AttributeValidationFailed') as since,
        max(occurred_at) as newest_at,
        arg_max(json_extract_string(steps[-1].details, '$.PropertyName'), order_of(occurred_at, event_id)) as attribute
    from events
    where occurred_at <= $at and not (status = 'skipped' and coalesce(skip_reason, '') in ('RedundantExport'))
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
where lacks and newest_at > $at - to_days($days::integer)
group by job_id
having count(*) >= $least
order by since, subject
