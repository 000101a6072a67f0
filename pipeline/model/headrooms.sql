-- How near each job is to the next quarantine, as of an instant or as of many.

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

-- headrooms_at(instants, least, part, most, altogether): one row per instant, job and limit: how far it is from it, and
-- how many cycles of the present slope are left. The slope is the median of the slopes between all pairs of
-- the last twelve cycles (Theil and Sen), its band their quantiles. The share's limit is given as a number of
-- failures, if the number of objects that are in order stays.
--   as_of           the instant
--   job_id          the job
--   app_name        the app's name
--   measure         share, count or total
--   reached         failures that count for it
--   at_most         the limit
--   headroom        failures left
--   per_cycle       failures more in a cycle; null from fewer than three cycles
--   per_cycle_low   the slope's tenth percentile
--   per_cycle_high  the slope's ninetieth percentile
--   cycles_left     cycles until the limit at the slope; null where it is not reached
--   cycles_least    the same at the high slope
--   cycles_most     the same at the low slope
--   crosses_at      when that is
--   verdict         total, count, share, watched or below
--   non_reference   open failures without unresolved references
--   reference       open failures of unresolved references
--   succeeded       objects in order, of jobs with open failures
--   oldest_at       the oldest open failure
--   whole           whether the newest cycle looks at everything
create or replace macro headrooms_at(instants, least := 5000, part := 0.4, most := 40000, altogether := 60000) as table
with ended as materialized (
    from ended_cycles(list_max(instants))
), waits as materialized (
    select job_id, opened_at, coalesce(closed_at, timestamp 'infinity') as closed_at, is_reference
    from pending_retries
    where opened_at <= list_max(instants)
), levels as materialized (
    from waiting_levels('waits')
), longest as (
    -- Whatever opened later and closed no later than another is never the oldest that is open.
    select job_id, opened_at, closed_at
    from waits
    qualify coalesce(closed_at > max(closed_at) over (
        partition by job_id order by opened_at rows between unbounded preceding and 1 preceding), true)
), job_names as (
    select i.as_of, h.job_id, max(h.app_name) as app_name
    from (select unnest(instants) as as_of) i
    join (select job_id, app_name, min("hour") as "hour" from hourly_parts group by all) h on h."hour" <= i.as_of
    where h.job_id is not null
    group by i.as_of, h.job_id
), newest as materialized (
    select t.as_of, t.job_id, c.ordinal
    from job_names t
    asof join (select job_id, ended_at, max(ordinal) as ordinal from ended group by all) c
        on c.job_id = t.job_id and t.as_of >= c.ended_at
), in_order as materialized (
    from objects_in_order('waits', instants)
), slopes as materialized (
    from cycle_slopes('ended', 'newest', 'levels')
), jobs as (
    select
        t.as_of, t.job_id, t.app_name,
        coalesce(p.non_reference, 0) as non_reference,
        coalesce(p.reference, 0) as reference,
        case when o.opened_at <= t.as_of then o.opened_at end as oldest_at,
        case when p.non_reference + p.reference > 0 then coalesce(f.objects, 0) else 0 end as succeeded,
        s.own_slopes,
        s.all_slopes,
        s.cycle_s,
        coalesce(s.newest_kind in ('initial', 'restarted'), false) as whole
    from job_names t
    asof left join levels p on p.job_id = t.job_id and t.as_of >= p.changed_at
    asof left join longest o on o.job_id = t.job_id and t.as_of < o.closed_at
    asof left join in_order f on f.job_id = t.job_id and t.as_of >= f.changed_at
    left join newest n on n.as_of = t.as_of and n.job_id = t.job_id
    left join slopes s on s.job_id = n.job_id and s.last_ordinal = n.ordinal
), measured as (
    select *, 'share' as measure, non_reference as reached, greatest(least, floor(part / (1 - part) * succeeded) + 1)::bigint
        as at_most, own_slopes as pair_slopes
    from jobs
    union all
    select *, 'count', non_reference, most + 1, own_slopes from jobs
    union all
    select *, 'total', non_reference + reference, altogether + 1, all_slopes from jobs
), sloped as (
    select
        *,
        list_median(pair_slopes) as per_cycle,
        list_aggregate(pair_slopes, 'quantile_cont', 0.1) as per_cycle_low,
        list_aggregate(pair_slopes, 'quantile_cont', 0.9) as per_cycle_high
    from measured
)
select
    as_of,
    job_id,
    app_name,
    measure,
    reached,
    at_most,
    greatest(at_most - reached, 0) as headroom,
    per_cycle,
    per_cycle_low,
    per_cycle_high,
    case when reached >= at_most then 0 when per_cycle > 0 then ceil((at_most - reached) / per_cycle) end as cycles_left,
    case when reached >= at_most then 0 when per_cycle_high > 0 then ceil((at_most - reached) / per_cycle_high) end
        as cycles_least,
    case when reached >= at_most then 0 when per_cycle_low > 0 then ceil((at_most - reached) / per_cycle_low) end
        as cycles_most,
    case when reached < at_most and per_cycle > 0 then
        after_s(as_of, ceil((at_most - reached) / per_cycle) * cycle_s) end as crosses_at,
    quarantine_verdict(non_reference, reference, succeeded, least := least, part := part, most := most,
        altogether := altogether) as verdict,
    non_reference,
    reference,
    succeeded,
    oldest_at,
    whole
from sloped;

-- headrooms(asked_at, least, part, most, altogether): the rows of headrooms_at as of one instant.
--   headrooms_at.* without as_of  how far it is
create or replace macro headrooms(asked_at, least := 5000, part := 0.4, most := 40000, altogether := 60000) as table
select * exclude (as_of)
from headrooms_at([asked_at], least := least, part := part, most := most, altogether := altogether);
