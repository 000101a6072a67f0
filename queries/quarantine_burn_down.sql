-- How many objects of a job awaited a retry after each of its cycles?
--
-- Title    Pending retries over time
-- Topic    Cycles and quarantine
--
-- An object is one wait, however often it was retried.
--
-- Parameters
--   $at       TIMESTAMP           the instant asked about
--   $job      VARCHAR             the job's id
--   $cycles   BIGINT = 200        how many cycles at most, the newest
--
-- Columns
--   cycle_id     the cycle
--   ended_at     when it ended
--   outcome      succeeded, errors, nothing_to_do, or failed: Graph reports that the whole run failed
--   opened       waits that began since the cycle before
--   closed       waits that ended since the cycle before
--   open         waits after it
with ends as (
    select cycle_id, ended_at, outcome, lag(ended_at) over (order by ended_at, cycle_id) as before_at
    from cycles
    where job_id = $job and ended_at <= $at
    qualify row_number() over (order by ended_at desc, cycle_id desc) <= $cycles
), openings as (
    select opened_at as at, sum(count(*)) over (order by opened_at) as waits
    from escrows
    where job_id = $job and opened_at <= $at
    group by opened_at
), closings as (
    select closed_at as at, sum(count(*)) over (order by closed_at) as waits
    from escrows
    where job_id = $job and opened_at <= $at and closed_at is not null
    group by closed_at
)
select
    e.cycle_id,
    e.ended_at,
    e.outcome,
    (coalesce(o.waits, 0) - coalesce(p.waits, 0))::bigint as opened,
    case when e.before_at is null then 0 else coalesce(c.waits, 0) - coalesce(d.waits, 0) end::bigint as closed,
    (coalesce(o.waits, 0) - coalesce(c.waits, 0))::bigint as open
from ends e
asof left join openings o on e.ended_at >= o.at
asof left join openings p on e.before_at >= p.at
asof left join closings c on e.ended_at >= c.at
asof left join closings d on e.before_at >= d.at
order by e.ended_at, e.cycle_id
