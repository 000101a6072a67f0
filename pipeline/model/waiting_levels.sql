-- How many objects await a retry or are in order, from cycle to cycle.

-- ended_cycles(latest): one row per cycle that had ended at an instant.
--   job_id    the job
--   kind      initial, incremental, restarted or steady
--   ended_at  its end
--   ordinal   its place, from 1
--   apart_s   seconds since the end of the one before
create or replace macro ended_cycles(latest) as table
select
    job_id,
    kind,
    ended_at,
    row_number() over (partition by job_id order by ended_at, cycle_id desc) as ordinal,
    date_diff('second', lag(ended_at) over (partition by job_id order by ended_at, cycle_id), ended_at) as apart_s
from cycles
where ended_at <= latest and job_id is not null;

-- waiting_levels(waits): one row per job and instant at which the number of its open escrows, of a table, changes.
--   job_id         the job
--   changed_at     the instant
--   non_reference  open from then on, without unresolved references
--   reference      open from then on, of unresolved references
create or replace macro waiting_levels(waits) as table
select job_id, changed_at,
    (sum(sum(non_reference)) over (partition by job_id order by changed_at))::bigint as non_reference,
    (sum(sum(reference)) over (partition by job_id order by changed_at))::bigint as reference
from (
    select job_id, opened_at as changed_at, (not is_reference)::integer as non_reference,
        is_reference::integer as reference
    from query_table(waits)
    union all
    select job_id, closed_at, -(not is_reference)::integer, -(is_reference::integer) from query_table(waits)
)
group by job_id, changed_at;

-- cycle_slopes(ended, last_cycles, levels): one row per job and newest cycle of a table, with what its last twelve of
-- ended_cycles say: their slopes are those between all pairs of them, of waiting_levels. Three cycles make three pairs;
-- fewer tell no slope.
--   job_id        the job
--   last_ordinal  the newest cycle, by its place
--   cycle_s       the median time between two ends
--   newest_kind   the kind of the newest
--   own_slopes    failures without unresolved references more in a cycle
--   all_slopes    failures more in a cycle
create or replace macro cycle_slopes(ended, last_cycles, levels) as table
with recent as materialized (
    select n.job_id, n.ordinal as last_ordinal, c.ordinal, c.kind, c.apart_s, coalesce(l.non_reference, 0) as non_reference,
        coalesce(l.non_reference + l.reference, 0) as waiting
    from (
        select job_id, ordinal, unnest(range(greatest(ordinal - 11, 1), ordinal + 1)) as place
        from (select distinct job_id, ordinal from query_table(last_cycles))
    ) n
    join query_table(ended) c on c.job_id = n.job_id and c.ordinal = n.place
    asof left join query_table(levels) l on l.job_id = c.job_id and c.ended_at >= l.changed_at
)
select r.job_id, r.last_ordinal, r.cycle_s, r.newest_kind, p.own_slopes, p.all_slopes
from (
    select job_id, last_ordinal, median(apart_s) as cycle_s, arg_max(kind, ordinal) as newest_kind
    from recent
    group by job_id, last_ordinal
) r
left join (
    select
        a.job_id,
        a.last_ordinal,
        list((a.non_reference - b.non_reference) / (a.ordinal - b.ordinal)) as own_slopes,
        list((a.waiting - b.waiting) / (a.ordinal - b.ordinal)) as all_slopes
    from recent a
    join recent b on b.job_id = a.job_id and b.last_ordinal = a.last_ordinal and b.ordinal < a.ordinal
    group by a.job_id, a.last_ordinal
    having count(*) >= 3
) p on p.job_id = r.job_id and p.last_ordinal = r.last_ordinal;

-- objects_in_order(waits, instants): one row per job in which an escrow of a table was open since the first of some
-- instants, and instant at which the number of its objects in order changes; the first row is as of the first of them.
--   job_id      the job
--   changed_at  the instant
--   objects     how many from then on
create or replace macro objects_in_order(waits, instants) as table
with standings as materialized (
    -- The newest footing and whether it is in order, as one number: a text would take twice as long.
    select object, any_value(job_id) as job_id,
        max(order_key::ubigint * 2 + (footing in ('in', 'gone'))::ubigint) % 2 = 1 as in_order
    from footings
    where occurred_at <= list_min(instants) and footing is not null
        and job_id in (select job_id from query_table(waits) where closed_at > list_min(instants))
    group by object
), later as materialized (
    select object, job_id, order_key, occurred_at, footing in ('in', 'gone') as in_order
    from footings
    where occurred_at > list_min(instants) and occurred_at <= list_max(instants) and footing is not null
        and job_id in (select job_id from query_table(waits) where closed_at > list_min(instants))
), turns as (
    select job_id, occurred_at, in_order::integer - coalesce(lag(in_order) over past, false)::integer as change
    from (
        select object, job_id, order_key, occurred_at, in_order from later
        union all
        select object, job_id, 0, null, in_order from standings where object in (select object from later)
    )
    window past as (partition by object order by occurred_at nulls first, order_key)
)
select job_id, changed_at, (sum(sum(objects)) over (partition by job_id order by changed_at))::bigint as objects
from (
    select job_id, list_min(instants) as changed_at, count(*) filter (where in_order) as objects
    from standings
    group by job_id
    union all
    select job_id, occurred_at, sum(change) from turns where occurred_at is not null group by job_id, occurred_at
)
group by job_id, changed_at;
