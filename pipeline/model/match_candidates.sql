-- Which SCIM request may belong to which event.

-- pairing_stretches(since, until): one row per stretch that must be looked at to pair the unpaired days of a time
-- range. What becomes of an event is decided by what lies within an hour: a pair is given up for a better one of the
-- same event or the same request, which are ten minutes apart at most, and three rounds look at five such neighbours.
-- So a day's pairs are the same whatever is paired along with it, and no request belongs to two events.
--   begins  where it begins
--   ends    where it ends
create or replace macro pairing_stretches(since, until) as table
select min("day") - interval 70 minute as begins, max("day") + interval 25 hour + interval 10 minute as ends
from (
    select "day", "day" - to_days((row_number() over (order by "day"))::integer) as island
    from unpaired_between(since, until)
)
group by island;

-- candidate_events(since, until): one row per event that may have a request, of the stretches to be paired.
--   event_row    the event as a number
--   event_id     the event
--   job_id       the job
--   cycle_id     the cycle
--   app_id       the app's service principal
--   occurred_at  when it happened
--   action       what Entra meant to do
--   status       how the event ended
--   last_step    the step at which it ended
--   scim_detail  the SCIM error's text
--   change_id    Entra's id of the change
--   reason       Entra's text
--   keys         what it names of its object, each with its weight
create or replace macro candidate_events(since, until) as table
select
    hash(e.event_id, e.job_id) as event_row,
    e.event_id,
    e.job_id,
    e.cycle_id,
    e.app_id,
    e.occurred_at,
    e."action",
    e.status,
    e.last_step,
    e.scim_detail,
    e.change_id,
    e.reason,
    [
        {'key': lower(e.target_id), 'weight': 4},
        {'key': lower(e.source_id), 'weight': 4},
        {'key': lower(coalesce(e.upn, e.source_name)), 'weight': 3},
        {'key': 'request ' || e.change_id, 'weight': 3},
        {'key': 'looked for ' || lower(coalesce(e.upn, e.source_name)), 'weight': 2}
    ] as keys
from events e
join pairing_stretches(since, until) s on e.occurred_at >= s.begins and e.occurred_at < s.ends
where e.status is distinct from 'skipped' and e."action" is distinct from 'stagedDelete';

-- candidate_requests(since, until): one row per request that may have an event, of the stretches to be paired.
--   request_row    the request as a number
--   exchange_id    the SCIM request
--   app_id         the app's service principal
--   occurred_at    when the app logged it, by its own clock
--   method         the HTTP method
--   resource_type  User or Group
--   filter         what was searched for
--   operation      what the request does, such as query, create or disable
--   http_status    the answer's HTTP status
--   detail         the SCIM error's text
--   request_id     the request's own id
--   keys           what it names of its object
create or replace macro candidate_requests(since, until) as table
select
    hash(x.exchange_id) as request_row,
    x.exchange_id,
    coalesce(nullif(x.app_id, ''), o.app_id, l.app_id) as app_id,
    x.occurred_at,
    x."method",
    x.resource_type,
    x."filter",
    x.operation,
    x.http_status,
    x.detail,
    x.request_id,
    request_object_keys(x."method", x.resource_id, x."filter", x.request_body, x.response_body) as keys
from exchanges x
join pairing_stretches(since, until) s
    on x.occurred_at >= s.begins - interval 10 minute and x.occurred_at < s.ends + interval 10 minute
left join log_owners(since, until) o
    on o.base = case when coalesce(x.app_id, '') = '' then log_path(x."path") end
        and o."log" is not distinct from x."log" and o."day" = date_trunc('day', x.occurred_at)
cross join sole_app l
where coalesce(nullif(x.app_id, ''), o.app_id, l.app_id) is not null and coalesce(x.operation, '') not in ('probe', 'discover');

-- match_candidates(since, until): one row per event and request that may be its own, of the stretches to be paired:
-- they name the same object, the verb fits, and they are ten minutes apart at most, the skew that may be. Scored: 4 for
-- the object's id, 3 for its name, 2 for a name that was looked up just before, up to 2 for the verb, 1 for an answer
-- that agrees, 3 for the same error text, 100 for the request's own id.
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
--   apart_s       the request's instant less the event's, in seconds
--   matched_by    request id, error text or score
--   score         how well they fit
create or replace macro match_candidates(since, until) as table
with window_events as materialized (
    from candidate_events(since, until)
), window_requests as materialized (
    from candidate_requests(since, until)
), preceding_lookups as (
    -- A create that says nothing of its object belongs to the one look-up of the three seconds before it, if it is one.
    select p.request_row, 'looked for ' || any_value(q."key") as "key"
    from (
        select request_row, app_id, resource_type, occurred_at,
            unnest([floor(epoch(occurred_at) / 3) - 1, floor(epoch(occurred_at) / 3)]) as stretch
        from window_requests
        where "method" = 'POST' and len(keys) = 0
    ) p
    join (
        select app_id, resource_type, occurred_at, filter_value("filter") as "key",
            floor(epoch(occurred_at) / 3) as stretch
        from window_requests
        where operation = 'query'
    ) q on q.stretch = p.stretch and q.app_id = p.app_id and q.resource_type = p.resource_type
        and q.occurred_at between p.occurred_at - interval 3 second and p.occurred_at
    group by p.request_row
    having count(distinct q."key") = 1
), key_rows as (
    select request_row, unnest(keys) as "key" from window_requests
    union all
    select request_row, 'request ' || request_id from window_requests where request_id is not null
    union all
    from preceding_lookups
), shared_keys as (
    -- Stretches as long as the skew keep a key that is met all day from pairing with itself all day.
    select s.event_row, h.request_row, max(s.weight) as object_score
    from (
        select
            event_row,
            app_id,
            occurred_at,
            "key",
            weight,
            unnest([floor(epoch(occurred_at) / 600) + one for one in [-1, 0, 1]]) as stretch
        from (select event_row, app_id, occurred_at, unnest(keys, recursive := true) from window_events)
        where "key" <> ''
    ) s
    join (
        select request_row, h.app_id, h.occurred_at, t."key", floor(epoch(h.occurred_at) / 600) as stretch
        from window_requests h
        join key_rows t using (request_row)
    ) h on h.stretch = s.stretch and h."key" = s."key" and h.app_id = s.app_id
    where abs(date_diff('second', s.occurred_at, h.occurred_at)) <= 600
    group by s.event_row, h.request_row
)
select
    s.event_row,
    h.request_row,
    s.event_id,
    s.job_id,
    s.cycle_id,
    s.app_id,
    s.occurred_at,
    s."action",
    s.status,
    h.exchange_id,
    h.occurred_at as requested_at,
    h."method",
    h.http_status,
    date_diff('millisecond', s.occurred_at, h.occurred_at) / 1000 as apart_s,
    case
        when h.request_id = s.change_id or contains(s.reason, h.request_id) then 'request id'
        when s.scim_detail = h.detail then 'error text'
        else 'score'
    end as matched_by,
    n.object_score
        + verb_fits(s."action", s.last_step, h."method", h.operation)
        + case when (s.status = 'failure') = (h.http_status >= 400) then 1 else 0 end
        + case when s.scim_detail = h.detail then 3 else 0 end
        + case when h.request_id = s.change_id or contains(s.reason, h.request_id) then 100 else 0 end as score
from shared_keys n
join window_events s on s.event_row = n.event_row
join window_requests h on h.request_row = n.request_row
where verb_fits(s."action", s.last_step, h."method", h.operation) is not null;
