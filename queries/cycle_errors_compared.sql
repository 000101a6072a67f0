-- Which errors are new in this cycle, which are gone, and which stayed?
--
-- Title    Errors compared between cycles
-- Topic    Cycles and quarantine
--
-- Errors are distinguished by their code. Objects are those that the error affected; one object may have more than one.
--
-- Parameters
--   $job      VARCHAR      the job's id
--   $cycle    VARCHAR      the cycle's id
--   $with     VARCHAR      the id of the cycle it is compared with, of the same job
--   $since    TIMESTAMP    start of a window that holds both cycles, inclusive
--   $until    TIMESTAMP    end of that window, exclusive
--
-- Columns
--   error_code    the error; null where the log gave none
--   verdict       new, gone or shared
--   there         distinct objects it hit in the cycle compared with
--   here          distinct objects it hit in this cycle
--   reason        the newest one's own words
with counted as (
    select
        error_code,
        count(distinct source_id) filter (where cycle_id = $with) as there,
        count(distinct source_id) filter (where cycle_id = $cycle) as here,
        arg_max(reason, (occurred_at, event_id)) as reason
    from events
    where job_id = $job
        and cycle_id in ($cycle, $with)
        and occurred_at >= $since
        and occurred_at < $until
        and status = 'failure'
    group by error_code
)
select
    error_code,
    case when there = 0 then 'new' when here = 0 then 'gone' else 'shared' end as verdict,
    there,
    here,
    reason
from counted
order by array_position(['new', 'shared', 'gone'], verdict), here desc, there desc, error_code nulls last
