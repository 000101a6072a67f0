-- How did this issue spread?
--
-- Title    Affected users over time
-- Topic    Failures and issues
--
-- Parameters
--   $job      VARCHAR        the job
--   $issue    VARCHAR        the issue's fingerprint
--   $until    TIMESTAMP      as of when
--
-- Columns
--   moment     an instant at which a retry became pending or was settled
--   waiting    how many retries are pending from then on
--   hit        users and groups affected by then
with waits as (
    select source_id, since, until
    from problem_waits($until, only_issue := $issue)
    where job_id = $job and fingerprint = $issue
), firsts as (
    select source_id, min(since) as moment from waits group by source_id
), moves as (
    select since as moment, 1 as step, 0 as first from waits
    union all
    select until, -1, 0 from waits where until is not null
    union all
    select moment, 0, 1 from firsts
), summed as (
    select moment, sum(step) as step, sum(first) as first from moves group by moment
)
select
    moment,
    (sum(step) over so_far)::bigint as waiting,
    (sum(first) over so_far)::bigint as hit
from summed
window so_far as (order by moment)
order by moment
