-- How many objects of a job awaited a retry after each of its cycles?
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
--   outcome      succeeded, errors, nothing_to_do, or failed: Graph says that the run failed, and nobody was tried
--   opened       waits that began since the cycle before
--   closed       waits that ended since the cycle before
--   open         waits after it
with ends as (
    select cycle_id, ended_at, outcome, lag(ended_at) over (order by ended_at, cycle_id) as before_at
    from cycles
    where job_id = $job and ended_at <= $at
    qualify row_number() over (order by ended_at desc, cycle_id desc) <= $cycles
), waits as (
    select opened_at, coalesce(closed_at, timestamp 'infinity') as closed_at
    from escrows
    where job_id = $job and opened_at <= $at
)
select
    e.cycle_id,
    e.ended_at,
    e.outcome,
    count(w.opened_at) filter (where w.opened_at > e.before_at or e.before_at is null) as opened,
    count(w.opened_at) filter (where w.closed_at <= e.ended_at and w.closed_at > e.before_at) as closed,
    count(w.opened_at) filter (where w.closed_at > e.ended_at) as open
from ends e
left join waits w on w.opened_at <= e.ended_at
group by e.cycle_id, e.ended_at, e.outcome
order by e.ended_at, e.cycle_id
