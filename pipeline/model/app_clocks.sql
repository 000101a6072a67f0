-- By how much an app's clock, or its log, is ahead of Entra's, day by day.

-- fullest_offsets(day_lists): one row per app and day of a table of lists of offsets in seconds, whose clock they tell:
-- the middle of the fullest ten seconds, where five pairs or more lie there. A bin of five seconds and its neighbour
-- are looked at, so that no edge divides a crowd.
--   app_id  the app's service principal
--   day     the day
--   skew_s  by how many seconds the app's clock is ahead
--   pairs   by how many pairs that is known
create or replace macro fullest_offsets(day_lists) as table
with apart as materialized (
    select app_id, "day", apart_s, floor(apart_s / 5)::bigint as bin
    from (select app_id, "day", unnest(offsets) as apart_s from query_table(day_lists))
), bins as (
    select app_id, "day", bin, count(*) as pairs
    from apart
    group by all
), fullest as (
    select a.app_id, a."day", a.bin, sum(b.pairs)::bigint as crowd
    from bins a
    join bins b on b.app_id = a.app_id and b."day" = a."day" and b.bin between a.bin and a.bin + 1
    group by a.app_id, a."day", a.bin
    qualify row_number() over (partition by a.app_id, a."day" order by crowd desc, abs(a.bin), a.bin) = 1
)
select f.app_id, f."day", median(a.apart_s) as skew_s, any_value(f.crowd) as pairs
from fullest f
join apart a on a.app_id = f.app_id and a."day" = f."day" and a.bin between f.bin and f.bin + 1
where f.crowd >= 5
group by f.app_id, f."day";

-- day_clocks(candidates, since, until): one row per app and unpaired day of a time range, of a table of candidates: how
-- the app's clock stood, by the pairs that fit best.
--   app_id   the app's service principal
--   day      the day
--   skew_s   by how many seconds the app's clock is ahead; null where the day does not tell
--   pairs    by how many pairs that is known
--   offsets  by how many seconds each pair is apart, in order, where the day by itself does not tell
create or replace macro day_clocks(candidates, since, until) as table
with day_offsets as materialized (
    select c.app_id, u."day", coalesce(list_sort(list(c.apart_s) filter (c.score >= 6)), []) as offsets
    from query_table(candidates) c
    join unpaired_between(since, until) u on u."day" = date_trunc('day', c.occurred_at)
    group by c.app_id, u."day"
)
select o.app_id, o."day", f.skew_s, f.pairs, case when f.skew_s is null then o.offsets end as offsets
from day_offsets o
left join fullest_offsets('day_offsets') f on f.app_id = o.app_id and f."day" = o."day";

-- clocks_in_use(clocks): one row per app and day of a table of day clocks: by what the app's clock is set right. The
-- day's own skew, else that of the last day within a fortnight that has one, else that of the fortnight's pairs taken
-- together, else of the last day before, else of the first one after.
--   app_id   the app's service principal
--   day      the day
--   skew_s   by how many seconds the app's clock is ahead; null where unknown
--   pairs    by how many pairs that is known
--   is_own   whether the day itself tells it
create or replace macro clocks_in_use(clocks) as table
with own_clocks as materialized (
    select app_id, "day", {'skew_s': skew_s, 'pairs': pairs} as clock
    from query_table(clocks)
    where skew_s is not null
), fortnights as materialized (
    select c.app_id, c."day", flatten(list(p.offsets)) as offsets
    from query_table(clocks) c
    join query_table(clocks) p
        on p.app_id = c.app_id and p."day" <= c."day" and p."day" > c."day" - interval 14 day
    where c.skew_s is null and p.skew_s is null
    group by c.app_id, c."day"
), chosen_clocks as (
    select c.app_id, c."day", b."day" is not distinct from c."day" as is_own, coalesce(
        case when b."day" > c."day" - interval 14 day then b.clock end,
        case when f.skew_s is not null then {'skew_s': f.skew_s, 'pairs': f.pairs} end,
        b.clock,
        a.clock
    ) as clock
    from query_table(clocks) c
    asof left join own_clocks b on b.app_id = c.app_id and c."day" >= b."day"
    asof left join own_clocks a on a.app_id = c.app_id and c."day" <= a."day"
    left join fullest_offsets('fortnights') f on f.app_id = c.app_id and f."day" = c."day"
)
select app_id, "day", clock.skew_s as skew_s, clock.pairs as pairs, is_own
from chosen_clocks;

-- current_clocks(fresh, since, until): one row per app and day that has a clock: those of paired days as they are kept,
-- those of the unpaired days of a time range from a table of fresh ones.
--   app_id   the app's service principal
--   day      the day
--   skew_s   by how many seconds the app's clock is ahead; null where unknown
--   pairs    by how many pairs that is known
--   is_own   whether the day itself tells it
create or replace macro current_clocks(fresh, since, until) as table
with day_clocks_now as materialized (
    select k.app_id, k."day", k.skew_s, k.pairs, k.offsets
    from clock_days k
    anti join unpaired_between(since, until) u on u."day" = k."day"
    union all
    select app_id, "day", skew_s, pairs, offsets from query_table(fresh)
)
from clocks_in_use('day_clocks_now');
