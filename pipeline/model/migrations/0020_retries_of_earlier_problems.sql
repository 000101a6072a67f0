-- Reads what failed attempts tell of the attempts before them, of problems that were written before these columns were
-- there.
-- after: model
-- by: day into (from problems where is_retry is not null)
create or replace temp table day_retries as
select event_id, job_id, is_retry, retry_number, pending_since
from problem_rows('day_events');
update problems p
set is_retry = r.is_retry, retry_number = r.retry_number, pending_since = r.pending_since
from day_retries r
where p.event_id = r.event_id and p.job_id is not distinct from r.job_id
    and p.occurred_at >= getvariable('day')::timestamp and p.occurred_at < getvariable('day')::timestamp + interval 1 day;
