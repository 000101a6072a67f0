-- Is our own collection in trouble?
--
-- Parameters
--   $at       TIMESTAMP                     the instant asked about
--   $least    BIGINT = 3, closes at 1       failures in a row, at least
--
-- Severity
--   warning
--
-- Fires
--   when a tenant's feed failed `least` times in a row, or lines were rejected on the last day.
--
-- Silent
--   when the pipeline does not run at all; the pulse in the header says that.
--
-- Do
--   A feed: its sentence says what is the matter and what to do. Rejects: the page Ingestion shows each line with its
--   reason.
--
-- Columns
--   subject     the feed, or the rejects
--   since       when it last went well, or the first reject of the day
--   summary     the sentence
--   app_name    always null
--   job_id      always null
--   failures    failures in a row, or lines rejected
--   detail      what is the matter
select
    tenant || '/' || feed as subject,
    coalesce(reached_at, tried_at) as since,
    tenant || ': ' || feed || ' cannot be read' as summary,
    null::varchar as app_name,
    null::varchar as job_id,
    failures,
    detail
from contacts
where outcome = 'failed' and failures >= $least and tried_at <= $at
union all
select
    'rejects',
    min(rejected_at),
    'Lines came that no source could read',
    null,
    null,
    count(*),
    arg_max(reason, rejected_at)
from rejects
where rejected_at <= $at and rejected_at > $at - interval 1 day
having count(*) > 0
order by since, subject
