-- Which SCIM request belongs to which event, one to one.
--
-- Pairs are kept in `request_matches` by the day of their event. `unpaired_days` has the days that must be paired anew,
-- since something came for them: loading marks them, maintenance pairs them, and a question pairs them at once.

-- scored_pairs(candidates, clocks): one row per candidate of a table that is near enough once the app's clock is set
-- right: within two minutes; where the day's own skew is unknown, as far as a skew may be.
--   event_row     the event as a number
--   request_row   the request as a number
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
--   apart_s       the request's instant, set right, less the event's, in seconds
--   score         how well they fit, nearness included
--   skew_s        by how many seconds the app's clock is ahead of Entra's; null where unknown
--   skew_pairs    by how many pairs that is known
--   is_own        whether the event's own day tells it
--   place         its place among all, the best first
create or replace macro scored_pairs(candidates, clocks) as table
select *, row_number() over (order by score desc, abs(apart_s), event_id, job_id, exchange_id) as place
from (
    select
        c.* exclude (score, apart_s),
        c.apart_s - coalesce(k.skew_s, 0) as apart_s,
        c.score + 2 * greatest(0, 1 - abs(c.apart_s - coalesce(k.skew_s, 0)) / 60) as score,
        k.skew_s,
        k.pairs as skew_pairs,
        coalesce(k.is_own and k."day" = date_trunc('day', c.occurred_at), false) as is_own
    from query_table(candidates) c
    asof left join query_table(clocks) k on k.app_id = c.app_id and date_trunc('day', c.occurred_at) >= k."day"
)
where abs(apart_s) <= case when is_own then 120 else 600 end;

-- mutual_best(pairs): the rows of a table of pairs that are the best both of their event and of their request.
--   scored_pairs.*  the pair
create or replace macro mutual_best(pairs) as table
from query_table(pairs)
qualify place = min(place) over (partition by event_row) and place = min(place) over (partition by request_row);

-- pairs_left(pairs, taken): the rows of a table of pairs whose event and request are in none that was taken.
--   scored_pairs.*  the pair
create or replace macro pairs_left(pairs, taken) as table
select p.*
from query_table(pairs) p
anti join query_table(taken) e on e.event_row = p.event_row
anti join query_table(taken) r on r.request_row = p.request_row;

-- paired(candidates, clocks, since, until): one row per event of the unpaired days of a time range with the request
-- that carried it, one to one: of a table of candidates the best pair of all, then the best of what is left, in three
-- rounds.
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
create or replace macro paired(candidates, clocks, since, until) as table
with pairs as materialized (
    from scored_pairs(candidates, clocks)
), first_round as materialized (
    from mutual_best('pairs')
), left_once as materialized (
    from pairs_left('pairs', 'first_round')
), second_round as materialized (
    from mutual_best('left_once')
), left_twice as materialized (
    from pairs_left('left_once', 'second_round')
), third_round as (
    from mutual_best('left_twice')
)
select
    p.event_id,
    p.job_id,
    p.cycle_id,
    p.app_id,
    p.occurred_at,
    p."action",
    p.status,
    p.exchange_id,
    p.requested_at,
    p."method",
    p.http_status,
    p.matched_by,
    round(p.score, 2) as score,
    round(p.apart_s, 3) as apart_s,
    round(p.skew_s, 3) as skew_s,
    p.skew_pairs
from (from first_round union all from second_round union all from third_round) p
semi join unpaired_between(since, until) u on u."day" = date_trunc('day', p.occurred_at);

-- pairs_of_unpaired_days(since, until): one row per event of the unpaired days of a time range with the request that
-- carried it, found now.
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
create or replace macro pairs_of_unpaired_days(since, until) as table
with candidates as materialized (
    from match_candidates(since, until)
), fresh_clocks as materialized (
    from day_clocks('candidates', since, until)
), clocks as materialized (
    from current_clocks('fresh_clocks', since, until)
)
from paired('candidates', 'clocks', since, until);

-- matches(since, until): one row per event with the request that carried it, one to one. Events of paired days are read
-- as they are kept.
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
create or replace macro matches(since, until) as table
select m.*
from request_matches m
anti join unpaired_between(since, until) u on u."day" = date_trunc('day', m.occurred_at)
where m.occurred_at >= since and m.occurred_at < until
union all
from pairs_of_unpaired_days(since, until)
where occurred_at >= since and occurred_at < until;

-- clock_skews(since, until): one row per app: by how much its clock, or its log, is ahead of Entra's.
--   app_id   the app's service principal
--   skew_s   seconds ahead, the median of the matches
--   drift_s  the difference between the days that are furthest apart
--   pairs    by how many pairs it is known
--   matched  events with a request
create or replace macro clock_skews(since, until) as table
select
    app_id,
    median(skew_s) as skew_s,
    max(skew_s) - min(skew_s) as drift_s,
    max(skew_pairs) as pairs,
    count(*) as matched
from matches(since, until)
where skew_s is not null
group by app_id;
