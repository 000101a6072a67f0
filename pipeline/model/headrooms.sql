-- How near each job is to the next quarantine, as of an instant or as of many.

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
    from escrows
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
