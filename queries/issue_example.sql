-- Why was this grouped so?
--
-- Title    Example and classification
-- Topic    Failures and issues
--
-- Parameters
--   $job      VARCHAR        the job
--   $issue    VARCHAR        the issue's fingerprint
--   $until    TIMESTAMP      as of when
--
-- Columns
--   event_id       the issue's newest event
--   source_id      the object's id in Entra
--   name           its UPN, else its display name
--   occurred_at    when
--   raw            the words that were normalised: the app's own, else the log's, else the step's
--   detail         the same without what differs from object to object
--   reason         the log's own words, whole
--   advice         what Microsoft recommends for it
--   template       the job's template, which the fingerprint was made from
with newest as (
    select event_id, detail, occurred_at
    from problems
    where job_id = $job and fingerprint = $issue and occurred_at < $until
    order by order_key desc
    limit 1
)
select
    e.event_id,
    e.source_id,
    coalesce(e.upn, e.source_name, e.source_id) as "name",
    e.occurred_at,
    cause_words(e.scim_detail, e.reason, e.steps) as "raw",
    n.detail,
    e.reason,
    e.recommended_action as advice,
    split_part(e.job_id, '.', 1) as template
from events e
join newest n on n.event_id = e.event_id and n.occurred_at = e.occurred_at
where e.job_id = $job
order by e.event_id
limit 1
