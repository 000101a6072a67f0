-- The wire beside the word: which SCIM request belongs to which event. Read after issues.sql.

-- looked_for: the value that a SCIM filter looks for: userName eq "ada@example.com".
create or replace macro looked_for("filter") as
    lower(nullif(regexp_extract("filter", '(?i)\beq[ +]+(?:"|%22)?(.*?)(?:"|%22|$)', 1), ''));

-- object_keys_of: what a request says of its object, in small letters: its id, the identity it was given, its name.
create or replace macro object_keys_of(resource_id, "filter", request_body, response_body) as
    list_distinct(list_filter([
        lower(resource_id),
        looked_for("filter"),
        lower(try_cast(request_body as json) ->> '$.externalId'),
        lower(try_cast(request_body as json) ->> '$.userName'),
        lower(try_cast(request_body as json) ->> '$.displayName'),
        lower(try_cast(response_body as json) ->> '$.id'),
        lower(try_cast(response_body as json) ->> '$.externalId')
    ], lambda k: k is not null and k <> ''));

-- verb_fits: whether a request is of the kind that an action makes: 2 for the very one, 1 for one that may be.
create or replace macro verb_fits("action", last_step, "method", operation) as
    case
        when "action" = 'create' then case when "method" = 'POST' then 2 when "method" = 'GET' then 0 end
        when "action" = 'delete' then case when "method" = 'DELETE' then 2 end
        when "action" = 'disable' then case
            when operation = 'disable' then 2 when "method" in ('PATCH', 'PUT') then 1 when "method" = 'DELETE' then 1 end
        when "action" in ('update', 'other') then case
            when operation = 'disable' then 0
            when "method" in ('PATCH', 'PUT') then 2 when "method" = 'GET' then 0 end
        else 0
    end;

-- wire_pairs: each event beside each request that may be its own: it names the same object, its verb fits, and it came
-- within ten minutes and the skew that may be. Scored: 4 for the object's id, 3 for its name, the verb, 1 for an answer
-- that agrees, 3 for the same error text. apart_s is the request's instant less the event's.
create or replace macro wire_pairs(since, until, most_skew := 600) as table
with said as (
    select
        event_id,
        job_id,
        cycle_id,
        app_id,
        occurred_at,
        "action",
        status,
        http_status,
        scim_detail,
        change_id,
        reason,
        last_step,
        list_distinct(list_filter([lower(target_id), lower(source_id)], lambda k: k <> '')) as ids,
        list_distinct(list_filter([lower(upn), lower(source_name)], lambda k: k <> '')) as names
    from events
    where occurred_at >= since
        and occurred_at < until
        and not is_benign(status, skip_reason, error_code)
        and coalesce(skip_reason, '') <> 'AttributeValidationFailed'
        and "action" is distinct from 'stagedDelete'
), heard as (
    select
        exchange_id,
        app_id,
        occurred_at,
        "method",
        operation,
        http_status,
        detail,
        request_id,
        object_keys_of(resource_id, "filter", request_body, response_body) as keys
    from exchanges
    where occurred_at >= since - to_seconds(most_skew)
        and occurred_at < until + to_seconds(most_skew)
        and coalesce(operation, '') <> 'probe'
), near as (
    select
        s.event_id,
        s.job_id,
        h.exchange_id,
        max(case when s.by_id then 4 else 3 end) as object_score
    from (
        select event_id, job_id, app_id, occurred_at, unnest(ids) as "key", true as by_id from said
        union all
        select event_id, job_id, app_id, occurred_at, unnest(names), false from said
    ) s
    join (select exchange_id, app_id, occurred_at, unnest(keys) as "key" from heard) h
        on h."key" = s."key" and (h.app_id is null or h.app_id = s.app_id)
    where abs(date_diff('second', s.occurred_at, h.occurred_at)) <= most_skew
    group by s.event_id, s.job_id, h.exchange_id
)
select
    s.event_id,
    s.job_id,
    s.cycle_id,
    s.app_id,
    s.occurred_at,
    s."action",
    s.status,
    h.exchange_id,
    h.occurred_at as heard_at,
    h."method",
    h.http_status,
    date_diff('millisecond', s.occurred_at, h.occurred_at) / 1000 as apart_s,
    case
        when h.request_id is not null and (h.request_id = s.change_id or contains(s.reason, h.request_id)) then 'request id'
        when s.scim_detail is not null and s.scim_detail = h.detail then 'error text'
        else 'score'
    end as "method_of",
    n.object_score
        + verb_fits(s."action", s.last_step, h."method", h.operation)
        + case when (s.status = 'failure') = (h.http_status >= 400) then 1 else 0 end
        + case when s.scim_detail is not null and s.scim_detail = h.detail then 3 else 0 end
        + case when h.request_id is not null and (h.request_id = s.change_id or contains(s.reason, h.request_id))
            then 100 else 0 end as score
from near n
join said s on s.event_id = n.event_id and s.job_id is not distinct from n.job_id
join heard h on h.exchange_id = n.exchange_id
where verb_fits(s."action", s.last_step, h."method", h.operation) is not null;

-- clock_skews: by how much the app's clock, or its log, is ahead of Entra's: the middle of the fullest ten seconds among
-- the pairs that fit best. Below five pairs nothing is estimated and none is assumed.
create or replace macro clock_skews(since, until, most_skew := 600) as table
with apart as (
    select coalesce(app_id, '') as app_id, apart_s, floor(apart_s / 5)::bigint as bin
    from wire_pairs(since, until, most_skew := most_skew)
    where score >= 6
), fullest as (
    -- A bin and its neighbour, so that no edge divides a crowd.
    select a.app_id, a.bin, count(*) as pairs
    from (select distinct app_id, bin from apart) a
    join apart b on b.app_id = a.app_id and b.bin between a.bin and a.bin + 1
    group by a.app_id, a.bin
    qualify row_number() over (partition by a.app_id order by pairs desc, abs(a.bin), a.bin) = 1
)
select f.app_id, median(a.apart_s) as skew_s, any_value(f.pairs) as pairs
from fullest f
join apart a on a.app_id = f.app_id and a.bin between f.bin and f.bin + 1
group by f.app_id
having any_value(f.pairs) >= 5;

-- matches: each event with the request that carried it, one to one: each is the other's best, in three rounds, by score
-- and then by nearness once the skew is taken off. A request further than two minutes from there is another one's.
create or replace macro matches(since, until, most_skew := 600) as table
with pairs as (
    select
        p.* exclude (score, apart_s),
        p.apart_s - coalesce(k.skew_s, 0) as apart_s,
        p.score + 2 * greatest(0, 1 - abs(p.apart_s - coalesce(k.skew_s, 0)) / 60) as score,
        k.skew_s
    from wire_pairs(since, until, most_skew := most_skew) p
    left join clock_skews(since, until, most_skew := most_skew) k on k.app_id = coalesce(p.app_id, '')
    where abs(p.apart_s - coalesce(k.skew_s, 0)) <= 120
), first_round as (
    select *
    from pairs
    qualify row_number() over (partition by event_id, job_id order by score desc, abs(apart_s), exchange_id) = 1
        and row_number() over (partition by exchange_id order by score desc, abs(apart_s), event_id, job_id) = 1
), left_over as (
    select *
    from pairs
    where (event_id, coalesce(job_id, '')) not in (select (event_id, coalesce(job_id, '')) from first_round)
        and exchange_id not in (select exchange_id from first_round)
), second_round as (
    select *
    from left_over
    qualify row_number() over (partition by event_id, job_id order by score desc, abs(apart_s), exchange_id) = 1
        and row_number() over (partition by exchange_id order by score desc, abs(apart_s), event_id, job_id) = 1
), third_round as (
    select *
    from left_over
    where (event_id, coalesce(job_id, '')) not in (select (event_id, coalesce(job_id, '')) from second_round)
        and exchange_id not in (select exchange_id from second_round)
    qualify row_number() over (partition by event_id, job_id order by score desc, abs(apart_s), exchange_id) = 1
        and row_number() over (partition by exchange_id order by score desc, abs(apart_s), event_id, job_id) = 1
)
select event_id, job_id, cycle_id, app_id, occurred_at, "action", status, exchange_id, heard_at, "method", http_status,
    "method_of" as matched_by, round(score, 2) as score, round(apart_s, 3) as apart_s, skew_s
from first_round
union all
select event_id, job_id, cycle_id, app_id, occurred_at, "action", status, exchange_id, heard_at, "method", http_status,
    "method_of", round(score, 2), round(apart_s, 3), skew_s
from second_round
union all
select event_id, job_id, cycle_id, app_id, occurred_at, "action", status, exchange_id, heard_at, "method", http_status,
    "method_of", round(score, 2), round(apart_s, 3), skew_s
from third_round;
