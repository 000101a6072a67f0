-- Which SCIM request belongs to which event, one to one.

-- matches(since, until, most_skew): one row per event with the request that carried it, one to one: the best pair of
-- all, then the best of what is left, in three rounds. Before that the app's clock is set right: skew_s is the middle
-- of the fullest ten seconds among the pairs of the day that fit best; where a day has fewer than five, that of the
-- last day which has, else the time range's. A request further than two minutes from there is another one's; where the
-- day's own skew is unknown, further than a skew may be.
--   event_id      the event
--   job_id        the job
--   cycle_id      the cycle
--   app_id        the app's service principal
--   occurred_at   when it happened
--   action        what Entra meant to do
--   status        how the event ended
--   exchange_id   the SCIM request
--   requested_at  when the app logged the request, by its own clock
--   method        the HTTP method
--   http_status   the answer's HTTP status
--   matched_by    request id, error text or score
--   score         how well they fit
--   apart_s       the request's instant, set right, less the event's, in seconds
--   skew_s        by how many seconds the app's clock is ahead of Entra's; null where unknown
--   skew_pairs    by how many pairs that is known
create or replace macro matches(since, until, most_skew := 600) as table
with raw as materialized (
    from match_candidates(since, until, most_skew := most_skew)
), apart as (
    select app_id, day, apart_s, floor(apart_s / 5)::bigint as bin
    from (
        select app_id, date_trunc('day', occurred_at) as day, apart_s from raw where score >= 6
        union all
        select app_id, null, apart_s from raw where score >= 6
    )
), bins as (
    select app_id, day, bin, count(*) as pairs
    from apart
    group by all
), fullest as (
    -- A bin and its neighbour, so that no edge divides a crowd.
    select a.app_id, a.day, a.bin, sum(b.pairs)::bigint as crowd
    from bins a
    join bins b on b.app_id = a.app_id and b.day is not distinct from a.day and b.bin between a.bin and a.bin + 1
    group by a.app_id, a.day, a.bin
    qualify row_number() over (partition by a.app_id, a.day order by crowd desc, abs(a.bin), a.bin) = 1
), skews as (
    select f.app_id, f.day, median(a.apart_s) as skew_s, any_value(f.crowd) as pairs
    from fullest f
    join apart a on a.app_id = f.app_id and a.day is not distinct from f.day and a.bin between f.bin and f.bin + 1
    where f.crowd >= 5
    group by f.app_id, f.day
), pairs as materialized (
    select
        *,
        row_number() over (order by score desc, abs(apart_s), event_id, job_id, exchange_id) as place
    from (
        select
            r.* exclude (score, apart_s),
            r.apart_s - coalesce(d.skew_s, w.skew_s, 0) as apart_s,
            r.score + 2 * greatest(0, 1 - abs(r.apart_s - coalesce(d.skew_s, w.skew_s, 0)) / 60) as score,
            coalesce(d.skew_s, w.skew_s) as skew_s,
            coalesce(d.pairs, w.pairs) as skew_pairs,
            coalesce(d.day = date_trunc('day', r.occurred_at), false) as of_today
        from raw r
        asof left join (from skews where day is not null) d
            on d.app_id = r.app_id and date_trunc('day', r.occurred_at) >= d.day
        left join skews w on w.app_id = r.app_id and w.day is null
    )
    where abs(apart_s) <= case when of_today then 120 else most_skew end
), first_round as materialized (
    from pairs
    qualify place = min(place) over (partition by event_row)
        and place = min(place) over (partition by request_row)
), left_over as materialized (
    from pairs p
    where not exists (from first_round f where f.event_row = p.event_row)
        and not exists (from first_round f where f.request_row = p.request_row)
), second_round as materialized (
    from left_over
    qualify place = min(place) over (partition by event_row)
        and place = min(place) over (partition by request_row)
), third_round as (
    from left_over p
    where not exists (from second_round f where f.event_row = p.event_row)
        and not exists (from second_round f where f.request_row = p.request_row)
    qualify place = min(place) over (partition by event_row)
        and place = min(place) over (partition by request_row)
)
select
    event_id,
    job_id,
    cycle_id,
    app_id,
    occurred_at,
    "action",
    status,
    exchange_id,
    requested_at,
    "method",
    http_status,
    matched_by,
    round(score, 2) as score,
    round(apart_s, 3) as apart_s,
    round(skew_s, 3) as skew_s,
    skew_pairs
from (from first_round union all from second_round union all from third_round);

-- clock_skews(since, until, most_skew): one row per app: by how much its clock, or its log, is ahead of Entra's.
--   app_id   the app's service principal
--   skew_s   seconds ahead, the median of the matches
--   drift_s  the difference between the days that are furthest apart
--   pairs    by how many pairs it is known
--   matched  events with a request
create or replace macro clock_skews(since, until, most_skew := 600) as table
select
    app_id,
    median(skew_s) as skew_s,
    max(skew_s) - min(skew_s) as drift_s,
    max(skew_pairs) as pairs,
    count(*) as matched
from matches(since, until, most_skew := most_skew)
where skew_s is not null
group by app_id;
