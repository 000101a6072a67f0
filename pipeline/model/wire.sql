-- The wire beside the word: which SCIM request belongs to which event, and where the two disagree. Read after
-- issues.sql.

-- looked_for: the value that a SCIM filter looks for: userName eq "ada@example.com". Most are spelled so; the regular
-- expression, which takes ten times as long, is for the others.
create or replace macro looked_for("filter") as
    case
        when contains(lower("filter"), ' eq "')
            then nullif(split_part(split_part(lower("filter"), ' eq "', 2), '"', 1), '')
        else lower(nullif(regexp_extract("filter", '(?i)\beq[ +]+(?:"|%22)?(.*?)(?:"|%22|$)', 1), ''))
    end;

-- object_keys_of: what a request says of its object, in small letters: its id, the identity it was given, its name.
-- Only bodies that hold a whole resource are looked into: a PATCH has its object's id in the path.
create or replace macro object_keys_of("method", resource_id, "filter", request_body, response_body) as
    list_distinct(list_filter(list_transform(
        [resource_id, looked_for("filter")]
            || case when "method" in ('POST', 'PUT') and json_valid(request_body)
                then json_extract_string(request_body, ['$.externalId', '$.userName', '$.displayName']) else [] end
            || case when resource_id is null and json_valid(response_body)
                then json_extract_string(response_body, ['$.id', '$.externalId', '$.userName']) else [] end,
        lambda k: lower(k)
    ), lambda k: k is not null and k <> ''));

-- claims_write: whether an event says that something was written, or was to be, when it ended.
create or replace macro claims_write("action", last_step) as
    coalesce(last_step like 'EntryExport%', "action" in ('create', 'update', 'disable', 'delete'), false);

-- verb_fits: whether a request is of the kind that an action makes: 2 for the very one, down to 0 for one that may
-- be, null for one that cannot. A look-up stands for an event that ended before anything was written.
create or replace macro verb_fits("action", last_step, "method", operation) as
    case
        when "method" = 'GET' then case when not claims_write("action", last_step) then 0 end
        when "action" = 'create' then case when "method" = 'POST' then 2 end
        when "action" = 'delete' then case when "method" = 'DELETE' then 2 end
        when "action" = 'disable' or last_step = 'EntryExportUpdateSoftDelete' then case
            when operation = 'disable' then 2 when operation = 'enable' then null
            when "method" in ('PATCH', 'PUT', 'DELETE') then 1 end
        when "action" in ('update', 'other') then case
            when operation = 'disable' then 0 when "method" in ('PATCH', 'PUT') then 2 end
        else 0
    end;

-- wire_base: under which path a log's requests lie, by which logs that name no app are told apart.
create or replace macro wire_base("path") as regexp_extract(lower("path"), '^(.*?)(/users|/groups|/schemas|$)', 1);

-- wire_owners: whose requests lie under a path: the app that most lines there name, or whose events know most ids in
-- them. Two hundred ids of a path, chosen by chance but always alike, tell that as surely as all do.
create or replace macro wire_owners(since, until) as table
with nameless as materialized (
    select base, unnest(arg_min(target_id, hash(target_id), 200)) as target_id
    from (
        select distinct wire_base("path") as base, lower(resource_id) as target_id
        from exchanges
        where occurred_at >= since and occurred_at < until and app_id is null and resource_id is not null
    )
    group by base
)
select base, arg_max(app_id, (hits, app_id)) as app_id, max(hits) as hits
from (
    select base, app_id, sum(hits)::bigint as hits
    from (
        select wire_base("path") as base, app_id, count(*) as hits
        from exchanges
        where occurred_at >= since and occurred_at < until and app_id is not null
        group by all
        union all
        select n.base, e.app_id, count(*)
        from nameless n
        join (
            select distinct app_id, lower(target_id) as target_id
            from events
            where occurred_at >= since and occurred_at < until and app_id is not null
                and lower(target_id) in (select target_id from nameless)
        ) e using (target_id)
        group by all
    )
    group by base, app_id
)
where base is not null
group by base;

-- wire_heard: the requests of a window, each with the app whose it is, as far as that can be told.
create or replace macro wire_heard(since, until) as table
with owners as materialized (
    from wire_owners(since, until)
)
select x.* replace (coalesce(x.app_id, o.app_id) as app_id)
from exchanges x
left join owners o on x.app_id is null and o.base = wire_base(x."path")
where x.occurred_at >= since and x.occurred_at < until;

-- wire_pairs: each event beside each request that may be its own: it tells of the same object, its verb fits, and it
-- came within the skew that may be. Scored: 4 for the object's id, 3 for its name, 2 for a name that was looked up
-- just before, up to 2 for the verb, 1 for an answer that agrees, 3 for the same error text, 100 for the request's
-- own id. apart_s is the request's instant less the event's.
create or replace macro wire_pairs(since, until, most_skew := 600) as table
with said as materialized (
    select
        row_number() over () as said_row,
        event_id,
        job_id,
        cycle_id,
        app_id,
        occurred_at,
        "action",
        status,
        last_step,
        scim_detail,
        change_id,
        reason,
        [
            {'key': lower(target_id), 'weight': 4},
            {'key': lower(source_id), 'weight': 4},
            {'key': lower(coalesce(upn, source_name)), 'weight': 3},
            {'key': 'request ' || change_id, 'weight': 3},
            {'key': 'looked for ' || lower(coalesce(upn, source_name)), 'weight': 2}
        ] as keys
    from events
    where occurred_at >= since
        and occurred_at < until
        and status is distinct from 'skipped'
        and "action" is distinct from 'stagedDelete'
), heard as materialized (
    select
        row_number() over () as heard_row,
        exchange_id,
        app_id,
        occurred_at,
        "method",
        resource_type,
        "filter",
        operation,
        http_status,
        detail,
        request_id,
        object_keys_of("method", resource_id, "filter", request_body, response_body) as keys
    from wire_heard(since - to_seconds(most_skew), until + to_seconds(most_skew))
    where app_id is not null and coalesce(operation, '') not in ('probe', 'discover')
), beside as (
    -- A create that says nothing of its object belongs to the one look-up of the three seconds before it, if it is one.
    select p.heard_row, 'looked for ' || any_value(q."key") as "key"
    from (
        select heard_row, app_id, resource_type, occurred_at,
            unnest([floor(epoch(occurred_at) / 3) - 1, floor(epoch(occurred_at) / 3)]) as stretch
        from heard
        where "method" = 'POST' and len(keys) = 0
    ) p
    join (
        select app_id, resource_type, occurred_at, looked_for("filter") as "key",
            floor(epoch(occurred_at) / 3) as stretch
        from heard
        where operation = 'query'
    ) q on q.stretch = p.stretch and q.app_id = p.app_id and q.resource_type = p.resource_type
        and q.occurred_at between p.occurred_at - interval 3 second and p.occurred_at
    group by p.heard_row
    having count(distinct q."key") = 1
), told as (
    select heard_row, unnest(keys) as "key" from heard
    union all
    select heard_row, 'request ' || request_id from heard where request_id is not null
    union all
    from beside
), near as (
    -- Stretches as long as the skew keep a key that is met all day from pairing with itself all day.
    select s.said_row, h.heard_row, max(s.weight) as object_score
    from (
        select
            said_row,
            app_id,
            occurred_at,
            "key",
            weight,
            unnest([floor(epoch(occurred_at) / most_skew) + one for one in [-1, 0, 1]]) as stretch
        from (select said_row, app_id, occurred_at, unnest(keys, recursive := true) from said)
        where "key" <> ''
    ) s
    join (
        select heard_row, h.app_id, h.occurred_at, t."key", floor(epoch(h.occurred_at) / most_skew) as stretch
        from heard h
        join told t using (heard_row)
    ) h on h.stretch = s.stretch and h."key" = s."key" and h.app_id = s.app_id
    where abs(date_diff('second', s.occurred_at, h.occurred_at)) <= most_skew
    group by s.said_row, h.heard_row
)
select
    s.said_row,
    h.heard_row,
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
        when h.request_id = s.change_id or contains(s.reason, h.request_id) then 'request id'
        when s.scim_detail = h.detail then 'error text'
        else 'score'
    end as matched_by,
    n.object_score
        + verb_fits(s."action", s.last_step, h."method", h.operation)
        + case when (s.status = 'failure') = (h.http_status >= 400) then 1 else 0 end
        + case when s.scim_detail = h.detail then 3 else 0 end
        + case when h.request_id = s.change_id or contains(s.reason, h.request_id) then 100 else 0 end as score
from near n
join said s on s.said_row = n.said_row
join heard h on h.heard_row = n.heard_row
where verb_fits(s."action", s.last_step, h."method", h.operation) is not null;

-- matches: each event with the request that carried it, one to one: the best pair of all, then the best of what is
-- left, in three rounds. Before that the app's clock is set right: skew_s, by how much it is ahead of Entra's, is the
-- middle of the fullest ten seconds among the pairs of the day that fit best; where a day has fewer than five, that
-- of the last day which has, else the window's. A request further than two minutes from there is another one's; where
-- the day's own skew is unknown, further than a skew may be.
create or replace macro matches(since, until, most_skew := 600) as table
with raw as materialized (
    from wire_pairs(since, until, most_skew := most_skew)
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
    qualify place = min(place) over (partition by said_row)
        and place = min(place) over (partition by heard_row)
), left_over as materialized (
    from pairs p
    where not exists (from first_round f where f.said_row = p.said_row)
        and not exists (from first_round f where f.heard_row = p.heard_row)
), second_round as materialized (
    from left_over
    qualify place = min(place) over (partition by said_row)
        and place = min(place) over (partition by heard_row)
), third_round as (
    from left_over p
    where not exists (from second_round f where f.said_row = p.said_row)
        and not exists (from second_round f where f.heard_row = p.heard_row)
    qualify place = min(place) over (partition by said_row)
        and place = min(place) over (partition by heard_row)
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
    heard_at,
    "method",
    http_status,
    matched_by,
    round(score, 2) as score,
    round(apart_s, 3) as apart_s,
    round(skew_s, 3) as skew_s,
    skew_pairs
from (from first_round union all from second_round union all from third_round);

-- clock_skews: by how much each app's clock, or its log, is ahead of Entra's, and by how many pairs that is known;
-- drift is the difference between the days that are furthest apart.
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

-- wire_rows: what Entra said of a window beside what the app heard: each event that went out to an app whose log
-- there is, each write that no event tells of, each request that was turned away. An app whose log has no request in
-- the window is not spoken of. Never seen is only said where the app's log has requests within cover seconds before
-- and after the moment, and no event only where events lie as near, or a reading vouches for them; else it is not
-- known.
create or replace macro wire_rows(since, until, most_skew := 600, cover := 3600) as table
with matched as materialized (
    from matches(since - to_seconds(most_skew), until + to_seconds(most_skew), most_skew := most_skew)
), heard as materialized (
    select exchange_id, app_id, occurred_at, "method", "path", resource_id, operation, http_status, client, request_body
    from wire_heard(since - to_seconds(most_skew + cover), until + to_seconds(most_skew + cover))
), said as materialized (
    select event_id, job_id, cycle_id, app_id, app_name, tenant_id, occurred_at, "action", status, last_step,
        error_code, coalesce(upn, source_name, source_id) as "name", source_id
    from events
    where occurred_at >= since - to_seconds(most_skew + cover) and occurred_at < until + to_seconds(most_skew + cover)
), clocks as (
    select app_id, median(skew_s) as skew_s from matched group by app_id
), named as (
    select app_id, max(app_name) as app_name, max(job_id) as job_id, max(tenant_id) as tenant_id
    from said
    group by app_id
), moments as (
    select distinct app_id, occurred_at as heard_near from heard where app_id is not null
), spoken as (
    select distinct app_id, occurred_at as said_near from said
), vouched_for as (
    select app_id, since as vouched_since,
        max(until) over (partition by app_id order by since, until) as vouched_until
    from (
        select distinct n.app_id, s.since, s.until
        from stretches s
        join named n on s.source = 'events'
            and (s.job_id = n.job_id or s.job_id is null and lower(s.tenant_id) is not distinct from lower(n.tenant_id))
    )
), words as (
    select e.*, m.* exclude (event_id, job_id, cycle_id, app_id, occurred_at, "action", status), h."path", h.operation,
        h.client, claims_write(e."action", e.last_step) as written,
        e.occurred_at + to_milliseconds((1000 * coalesce(c.skew_s, 0))::bigint) as due_at
    from said e
    left join matched m on m.event_id = e.event_id and m.job_id is not distinct from e.job_id
    left join heard h on h.exchange_id = m.exchange_id
    left join clocks c on c.app_id = e.app_id
    where e.occurred_at >= since and e.occurred_at < until
        and e.app_id in (select app_id from heard)
        and e.status in ('success', 'warning', 'failure')
        and e."action" is distinct from 'stagedDelete'
), words_seen as (
    select
        w.*,
        coalesce(b.heard_near >= w.due_at - to_seconds(cover) and a.heard_near <= w.due_at + to_seconds(cover), false)
            as covered
    from words w
    asof left join moments b on b.app_id = w.app_id and w.due_at >= b.heard_near
    asof left join moments a on a.app_id = w.app_id and w.due_at <= a.heard_near
), carried as (
    select h.*
    from heard h
    where h.exchange_id in (select exchange_id from matched)
), alone as (
    select
        h.*,
        h.occurred_at - to_milliseconds((1000 * coalesce(c.skew_s, 0))::bigint) as told_at,
        h.http_status in (401, 403) as turned_away
    from heard h
    left join clocks c on c.app_id = h.app_id
    where h.occurred_at >= since and h.occurred_at < until
        and (h."method" in ('POST', 'PATCH', 'PUT', 'DELETE') or h.http_status in (401, 403))
        and h.exchange_id not in (select exchange_id from matched)
), kin as (
    -- The nearest matched request on the same object, or with the same body: a second sending, or a further step of it.
    select
        a.exchange_id,
        bool_or(c."method" = a."method" and c.request_body is not distinct from a.request_body) as twin
    from alone a
    join carried c
        on c.app_id = a.app_id
        and (c.resource_id = a.resource_id
            or c."method" = a."method" and c."path" = a."path" and c.request_body = a.request_body)
        and abs(date_diff('second', c.occurred_at, a.occurred_at)) <= 120
    group by a.exchange_id
), alone_seen as (
    select
        x.*,
        k.twin,
        coalesce(v.vouched_until > x.told_at, false)
            or coalesce(b.said_near >= x.told_at - to_seconds(cover)
                and a.said_near <= x.told_at + to_seconds(cover), false)
            as covered
    from alone x
    left join kin k on k.exchange_id = x.exchange_id
    asof left join spoken b on b.app_id = x.app_id and x.told_at >= b.said_near
    asof left join spoken a on a.app_id = x.app_id and x.told_at <= a.said_near
    asof left join vouched_for v on v.app_id = x.app_id and x.told_at >= v.vouched_since
)
select
    case
        when exchange_id is null and not written then 'no write'
        when exchange_id is null and not covered then 'not known'
        when exchange_id is null then case when status = 'failure' then 'failed unseen' else 'never seen' end
        when not written then 'no write'
        when status = 'failure' then case when http_status < 400 then 'taken but failed' else 'both failed' end
        when http_status is null then 'not known'
        when http_status >= 400 then 'refused but well'
        else 'both well'
    end as cell,
    event_id, job_id, cycle_id, app_id, app_name, occurred_at, "name", "action", status, error_code, exchange_id,
    heard_at, "method", "path", operation, http_status, client, matched_by, score, apart_s, skew_s, source_id
from words_seen
union all
select
    case
        when turned_away then 'turned away'
        when x.app_id is null then 'not known'
        when twin then 'seen twice'
        when twin is not null then 'beside another'
        when covered then 'no event'
        else 'not known'
    end,
    null, n.job_id, null, x.app_id, n.app_name, x.told_at, null, null, null, null, x.exchange_id, x.occurred_at,
    x."method", x."path", x.operation, x.http_status, x.client, null, null, null, null, null
from alone_seen x
left join named n on n.app_id = x.app_id;

-- verb_of: a request's kind as its latency is told: its method, with look-ups told from reads, and probes kept apart.
create or replace macro verb_of("method", operation) as
    case
        when operation in ('probe', 'discover') then operation
        when "method" = 'GET' and operation = 'query' then 'GET by filter'
        when "method" = 'GET' and operation = 'read' then 'GET by id'
        else "method"
    end;

-- lint_marks: what in a request and its answer is not as RFC 7644 has it, or not as Entra expects it, by name; the
-- texts stand in lint.py. Where a log has no bodies, nothing is said of them.
create or replace macro lint_marks("method", operation, resource_type, http_status, scim_type, duration_ms,
    request_body, response_body, slow_ms) as
    list_filter([
        case when operation in ('query', 'probe', 'list') and http_status = 404 then 'query_404' end,
        case when operation in ('query', 'probe') and http_status between 400 and 499
            and http_status not in (401, 403, 404, 429) then 'filter_refused' end,
        case when "method" = 'POST' and operation = 'create' and http_status between 200 and 299 and http_status <> 201
            then 'create_not_201' end,
        case when "method" = 'DELETE' and http_status between 200 and 299 and http_status <> 204
            then 'delete_not_204' end,
        case when "method" = 'PATCH' and resource_type = 'Group' and http_status between 200 and 299
            and http_status <> 204 then 'group_patch_not_204' end,
        case when "method" = 'PATCH' and http_status in (405, 501) then 'patch_unsupported' end,
        case when regexp_matches(request_body,
                '(?i)"active"\s*,\s*"value"\s*:\s*"(true|false)"|"active"\s*:\s*"(true|false)"')
            then case when http_status between 400 and 499 and http_status not in (401, 403, 404, 409, 429)
                then 'string_boolean_refused' else 'string_boolean' end end,
        case when http_status < 300 and regexp_matches(response_body, '(?i)"active"\s*:\s*"(true|false)"')
            then 'string_boolean_answered' end,
        case when operation = 'disable' and http_status = 200 and json_valid(response_body)
            and lower(json_extract_string(response_body, '$.active')) = 'true' then 'disable_ignored' end,
        case when http_status in (400, 409) and json_valid(response_body) and scim_type is null then 'no_scim_type' end,
        case when "method" = 'POST' and operation = 'create' and http_status in (200, 201) and response_body is not null
            and not coalesce(json_valid(response_body) and json_extract_string(response_body, '$.id') <> '', false)
            then 'create_without_id' end,
        case when http_status >= 400 and response_body is not null and not json_valid(response_body)
            then 'error_not_json' end,
        case when http_status >= 400 and json_valid(response_body)
            and not contains(response_body, 'urn:ietf:params:scim:api:messages:2.0:Error') then 'error_not_scim' end,
        case when operation = 'query' and http_status = 200 and json_valid(response_body)
            and try_cast(json_extract_string(response_body, '$.totalResults') as integer) > 1
            then 'several_matches' end,
        case when duration_ms >= slow_ms then 'slow' end
    ], lambda m: m is not null);
