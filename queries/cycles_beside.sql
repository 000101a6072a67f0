-- Which cycle is this, and with which others of its job can it be compared?
--
-- Title    Comparable cycles
-- Topic    Cycles and quarantine
--
-- Only cycles with an event can be compared object by object. The nearest are given, before and after.
--
-- Parameters
--   $cycle    VARCHAR           the cycle's id
--   $job      VARCHAR = null    its job's id; null takes the newest cycle of that id
--   $limit    BIGINT = 60       how many at most, this one among them
--
-- Columns
--   relation       this, previous of its kind, earlier or later
--   job_id         the job
--   cycle_id       the cycle
--   app_name       the application
--   began_at       when it began
--   ended_at       when it ended, or its last event so far
--   kind           initial, restarted, incremental or steady; null where unknown
--   outcome        what the log shows: succeeded, errors, nothing_to_do, or failed (reported by Graph)
--   reported_outcome  Graph's own word; null without a status
--   events         events in it
--   objects        distinct objects in it
--   failed         events that failed
--   duration_ms    from its beginning to its end
with this as (
    select job_id, cycle_id, began_at, kind
    from cycles
    where cycle_id = $cycle and ($job is null or job_id = $job)
    order by began_at desc, job_id
    limit 1
), neighbours as (
    select
        c.*,
        c.cycle_id = this.cycle_id as is_this,
        c.began_at < this.began_at and c.kind is not distinct from this.kind as is_like,
        c.began_at < this.began_at as is_earlier,
        abs(epoch(c.began_at) - epoch(this.began_at)) as distance_s
    from cycles c
    join this on this.job_id is not distinct from c.job_id
    where c.events > 0 or c.cycle_id = this.cycle_id
)
select
    case
        when is_this then 'this'
        when is_like and row_number() over (order by not is_like, distance_s, cycle_id) = 1 then 'previous of its kind'
        when is_earlier then 'earlier'
        else 'later'
    end as relation,
    job_id,
    cycle_id,
    app_name,
    began_at,
    ended_at,
    kind,
    outcome,
    reported_outcome,
    events,
    objects,
    failed,
    duration_ms
from neighbours
order by array_position(['this', 'previous of its kind'], relation) nulls last, distance_s, cycle_id
limit $limit
