"""Staged requests land in `exchanges`: which line is which request, and which of them are there already.

A request is known by its id within the app or the log that it stands in, and by its content: equal ids of two apps, or
of one app whose ids begin anew, are two requests. The second request of an id has a digest behind it. A log without ids
is known by its lines, and by how often the same line stood in the file before.
"""

import re
from collections.abc import Mapping

import pyarrow as pa

from pipeline.store.lake import Cursor

SHORT = 16
"Letters below which an id may come again at any time, for which the whole store is asked whether it is taken."
SESSION = "interval 10 minute"
"How long a request may be silent until a line of the same id belongs to another."
MERGED = (
    "tenant_id", "app_id", '"method"', '"path"', "resource_type", "resource_id", '"filter"', "operation", "http_status",
    "scim_type", "detail", "duration_ms", "request_id", "client", "request_body", "response_body", '"log"',
)  # fmt: skip
CONTENT = """app_id, "method", "path", "filter", http_status, occurred_at, duration_ms,
    md5(case when json_valid(request_body) then json(request_body)::varchar else request_body end) as sent,
    md5(case when json_valid(response_body) then json(response_body)::varchar else response_body end) as answered"""
STRICTLY_BEFORE = "order by occurred_at range between unbounded preceding and interval 1 microsecond preceding"

# Only lines whose id is there more than once, or that the store has, are looked at closely, and only lines of one
# request are merged: that takes 17 aggregates.
TAKEN = f"""
create or replace temp table taken_ids as
select exchange_id
from exchanges
where exchange_id in (
    select exchange_id from staged_exchanges where not counted and not passed_over and length(exchange_id) < {SHORT});
"""
LINES = """
create or replace temp table stored_requests as
with stored_nearby as materialized (
    select exchange_id, coalesce(request_id, exchange_id) as claim
    from exchanges
    where occurred_at between timestamp '{low}' and timestamp '{high}'
)
from stored_nearby semi join (select exchange_id as claim from staged_exchanges where not passed_over) using (claim)
union
from stored_nearby semi join (select exchange_id || '-' || nth as exchange_id from counted_again) using (exchange_id)
union
from stored_nearby semi join (
    select former_id as exchange_id from staged_exchanges where former_id is not null
    union all
    select former_id || '-' || former_nth from counted_again
) using (exchange_id);
"""
COUNTED_AGAIN = """
create or replace temp table counted_again as
with lines as materialized (
    select rowid as rid, number, exchange_id, former_id, hash(exchange_id) as word
    from staged_exchanges
    where counted and not passed_over
)
select
    rid,
    exchange_id,
    former_id,
    row_number() over (partition by number, exchange_id order by rid) as nth,
    row_number() over (partition by number, former_id order by rid) as former_nth
from lines
where word in (select word from lines group by word having count(*) > 1)
    or former_id in (select former_id from lines group by former_id having count(*) > 1);
"""
CONTESTED = f"""
create or replace temp table contested_rows as
with claims as materialized (
    select exchange_id as claim, hash(exchange_id) as word
    from staged_exchanges
    where not counted and not passed_over
), contested as materialized (
    select claim from claims where word in (select word from claims group by word having count(*) > 1)
    union
    select claim from stored_requests semi join claims using (claim)
)
select s.rowid as rid, s.number, s.exchange_id as claim, null::varchar as stored_id, s.partial,
    coalesce(s."log", p.name) as "log", {CONTENT}
from staged_exchanges s
left join piece_logs p on p.number = s.number
where not counted and not passed_over and exchange_id in (from contested)
union all
select null, -1, k.claim, e.exchange_id, false, e."log", {CONTENT}
from exchanges e
join stored_requests k on k.exchange_id = e.exchange_id
where k.claim in (from contested) and e.occurred_at between timestamp '{{low}}' and timestamp '{{high}}';
"""
# Two logs of one request write its instant in their own way: one in whole seconds, at its beginning or its end.
# Instants that are more exact are two requests where they differ, and so are several in one file.
WHOLE = """
create or replace temp table whole_groups as
with whole_rows as (
    select * from contested_rows where claim not in (select claim from contested_rows where partial)
), gaps as (
    select
        *,
        coalesce(occurred_at - lag(occurred_at) over near > interval 1 second
            + to_milliseconds(greatest(coalesce(duration_ms, 0), coalesce(lag(duration_ms) over near, 0))), false)
            as apart
    from whole_rows
    window near as (partition by claim, "method", "path", "filter", http_status order by occurred_at)
), stretches as (
    select *, sum(apart::integer) over (
        partition by claim, "method", "path", "filter", http_status order by occurred_at) as stretch
    from gaps
), filled as (
    select * replace (
        coalesce(app_id, min(app_id) over near) as app_id,
        coalesce(sent, min(sent) over near) as sent,
        coalesce(answered, min(answered) over near) as answered)
    from stretches
    window near as (partition by claim, "method", "path", "filter", http_status, stretch)
), exact as (
    select
        *,
        min(case when date_trunc('second', occurred_at) <> occurred_at then occurred_at end) over near as first_exact,
        max(case when date_trunc('second', occurred_at) <> occurred_at then occurred_at end) over near as last_exact
    from filled
    window near as (partition by claim, "method", "path", "filter", http_status, stretch, app_id, sent, answered)
), ranked as (
    select *, case when first_exact = last_exact then dense_rank() over (partition by claim, "method", "path", "filter",
        http_status, stretch, app_id, sent, answered, number order by occurred_at) else 1 end as nth
    from exact
)
select rid, stored_id, claim, "log", occurred_at, hash(app_id, "method", "path", "filter", http_status, stretch, sent,
    answered, nth, case when first_exact = last_exact then first_exact else occurred_at end) as content
from ranked;
"""
SESSIONS = f"""
create or replace temp table session_groups as
with logs as (
    select
        claim,
        coalesce("log", '') as own_log,
        bool_or(http_status is null and "method" is not null or number < 0 and sent is not null)
            and bool_or(http_status is not null) as has_both,
        bool_or(number >= 0) as arrives,
        list("path") filter (where "path" is not null) as paths
    from contested_rows
    where claim in (select claim from contested_rows where partial)
    group by all
), file_pairs as (
    -- A file that has requests alone, or answers alone, belongs to the one other that has the rest.
    select
        l.claim,
        l.own_log,
        case
            when l.has_both or not l.arrives or coalesce(o.logs, 0) <> 1 then l.own_log
            when len(l.paths) > 0 and len(o.paths) > 0 and not list_has_any(l.paths, o.paths) then l.own_log
            when o.has_both or not o.arrives then o.own_log
            else least(l.own_log, o.own_log)
        end as home
    from logs l
    left join (
        select n.claim, n.own_log as this_log, count(*) as logs, min(m.own_log) as own_log,
            bool_or(m.has_both) as has_both, bool_or(m.arrives) as arrives, flatten(list(m.paths)) as paths
        from logs n
        join logs m on m.claim = n.claim and m.own_log <> n.own_log
        where not n.has_both and n.arrives
        group by n.claim, n.own_log
    ) o on o.claim = l.claim and o.this_log = l.own_log
), partial_rows as (
    select r.* replace (h.home as "log")
    from contested_rows r
    join file_pairs h on h.claim = r.claim and h.own_log = coalesce(r."log", '')
), copies as (
    select claim, "log", min(first_log) as first_log
    from (
        select claim, "log", case when "method" is null then "log"
            else min("log") over (partition by claim, "method", "path", occurred_at) end as first_log
        from partial_rows
    )
    group by claim, "log"
), united as (
    select p.* replace (c.first_log as "log") from partial_rows p join copies c using (claim, "log")
), seen as (
    select
        *,
        max(case when http_status is not null then occurred_at end) over earlier as answered_at,
        max(case when "method" is not null then occurred_at end) over earlier as opened_at,
        max(case when "method" is not null and number >= 0 then occurred_at end) over earlier as arrived_at,
        max(occurred_at) over earlier as seen_at,
        arg_max("path", occurred_at) over earlier as path_before
    from united
    window earlier as (partition by claim, "log" {STRICTLY_BEFORE})
), session_starts as (
    select
        *,
        coalesce(case
            when seen_at is null then false
            when "path" <> path_before or occurred_at - seen_at > {SESSION} then true
            when number < 0
                then not coalesce(arrived_at is not null and coalesce(answered_at < arrived_at, true), false)
            when http_status is null and "method" is not null then answered_at >= opened_at
        end, false) as begins
    from seen
)
select rid, stored_id, claim, "log", occurred_at, hash("log", sum(begins::integer) over (
    partition by claim, "log" order by occurred_at range unbounded preceding)) as content
from session_starts;
"""
NAMED = """
create or replace temp table request_groups_named as
with united as (
    from whole_groups union all from session_groups
), groups as (
    select claim, content, min(stored_id) as stored_id, min(rid) as first_rid, min(occurred_at) as first_at,
        count(rid) as lines
    from united
    group by claim, content
    having count(rid) > 0
), placed as (
    select *, row_number() over (partition by claim order by stored_id is not null, first_rid) as nth from groups
), taken as (
    from taken_ids union select exchange_id from stored_requests
)
select
    u.rid,
    coalesce(g.stored_id, case
        when g.nth = 1 and g.claim not in (from taken) then g.claim
        else g.claim || '-' || left(md5(g.content::varchar || g.first_at::varchar), 8) end) as exchange_id,
    g.stored_id is not null as stored,
    g.lines > 1 as again
from united u
join placed g on g.claim = u.claim and g.content = u.content
where u.rid is not null;
create or replace temp table exchange_lines as
select
    s.rowid as rid,
    s.number,
    case
        when g.rid is not null then g.exchange_id
        when c.nth > 1 then s.exchange_id || '-' || c.nth
        when t.exchange_id is not null
            then s.exchange_id || '-' || left(md5(s.occurred_at::varchar || coalesce(s."path", '')), 8)
        else s.exchange_id
    end as exchange_id,
    coalesce(g.exchange_id <> s.exchange_id, false) or coalesce(c.nth > 1, false) or t.exchange_id is not null
        as renamed,
    s.partial,
    s."path" is null as pathless,
    s.occurred_at,
    coalesce(g.again, false) as again,
    coalesce(g.stored, k.exchange_id is not null or f.exchange_id is not null) as stored
from staged_exchanges s
left join request_groups_named g on g.rid = s.rowid
left join counted_again c on c.rid = s.rowid
left join taken_ids t on t.exchange_id = case when s.counted or g.rid is not null then null else s.exchange_id end
left join (select distinct exchange_id from stored_requests) k on k.exchange_id = case when s.counted
    then s.exchange_id || case when c.nth > 1 then '-' || c.nth else '' end end
left join (select distinct exchange_id from stored_requests) f on f.exchange_id = s.former_id
    || case when c.former_nth > 1 then '-' || c.former_nth else '' end
where not s.passed_over;
"""
MERGING = f"""
create or replace temp table merged_lines as
with merged as (select distinct exchange_id from exchange_lines where again or (stored and partial))
select l.*, row_number() over (order by number, rid) as place
from exchange_lines l
semi join merged using (exchange_id);
create or replace temp table folded as
select
    f.exchange_id,
    least(f.occurred_at, k.occurred_at) as occurred_at,
    {", ".join(f"coalesce(k.{name}, f.{name}) as {name}" for name in MERGED)},
    k.occurred_at as stored_at,
    k.exchange_id is not null as was_known,
    k.exchange_id is not null and not (f.partial and (
        (k.http_status is null and f.http_status is not null)
        or (k.request_body is null and f.request_body is not null))) as unchanged
from (
    select
        l.exchange_id,
        min(l.occurred_at) as occurred_at,
        bool_or(l.partial) as partial,
        {", ".join(f"arg_min(s.{name}, place) as {name}" for name in MERGED)}
    from (
        select * replace (coalesce("log", p.name) as "log"), s.rowid as rid
        from staged_exchanges s
        left join piece_logs p using (number)
        where s.rowid in (select rid from merged_lines)
    ) s
    join merged_lines l on l.rid = s.rid
    group by l.exchange_id
) f
left join (
    from exchanges
    semi join merged_lines using (exchange_id)
    where occurred_at between timestamp '{{low}}' and timestamp '{{high}}'
) k using (exchange_id);
delete from exchanges
where occurred_at between timestamp '{{low}}' and timestamp '{{high}}'
    and exchange_id in (select exchange_id from folded where was_known and not unchanged);
create or replace temp table renamed_lines as select rid, exchange_id from exchange_lines where renamed;
create or replace temp view new_lines as
select s.* replace (coalesce(r.exchange_id, s.exchange_id) as exchange_id, coalesce(s."log", p.name) as "log")
from staged_exchanges s
anti join (
    select rid from exchange_lines where stored or pathless union all select rid from merged_lines
) o on o.rid = s.rowid
left join renamed_lines r on r.rid = s.rowid
left join piece_logs p on p.number = s.number
where not s.passed_over;
insert into exchanges
select * exclude (partial, counted, passed_over, former_id, path_tenant, number) from new_lines
union all
select * exclude (was_known, unchanged, stored_at) from folded where not unchanged and "path" is not null;
create or replace temp view arriving_requests as
select occurred_at from new_lines
union all
select unnest([occurred_at, stored_at]) from folded where not unchanged;
insert into unpaired_days from days_to_pair('arriving_requests');
"""
EXCHANGES = COUNTED_AGAIN + TAKEN + LINES + CONTESTED + WHOLE + SESSIONS + NAMED + MERGING
EXCHANGE_COUNTS = """
with counted_lines as (
    select
        l.number,
        case when m.rid is null then l.stored else m.unchanged or (not l.partial and m.later) end as duplicate,
        case when m.rid is null then not l.stored and l.pathless else m.pathless end as pathless,
        l.occurred_at
    from exchange_lines l
    left join (
        select rid, unchanged, "path" is null as pathless,
            row_number() over (partition by exchange_id order by place) > 1 as later
        from merged_lines
        join folded using (exchange_id)
    ) m on m.rid = l.rid
    union all
    select number, false, true, null from staged_exchanges where passed_over
)
select
    number,
    count(*) filter (where not pathless) as lines,
    count(*) filter (where duplicate and not pathless) as duplicates,
    0 as unfamiliar,
    min(occurred_at) filter (where not pathless),
    max(occurred_at) filter (where not pathless),
    count(*) filter (where pathless) as passed_over
from counted_lines
group by number
"""
KNOWN_TENANTS = """
select tenant_id from hourly_parts
union all
select tenant_id from job_snapshots
union all
select tenant_id from configurations
"""


def prepare_exchanges(cursor: Cursor, files: Mapping[int, str]) -> None:
    """Adds to staged requests what they do not tell themselves: the log they stand in, and their tenant.

    The id in a path is a tenant's only where something else says that it is one.
    """
    logs = {number: log_name(name) for number, name in files.items()}
    table = pa.table({"number": pa.array(list(logs), pa.int32()), "name": pa.array(list(logs.values()), pa.string())})
    cursor.register("arriving_logs", table)
    cursor.execute("create or replace temp table piece_logs as from arriving_logs")
    cursor.unregister("arriving_logs")
    cursor.execute(
        f"""
        update temp.staged_exchanges
        set tenant_id = path_tenant
        where tenant_id is null and path_tenant in (select lower(tenant_id) from ({KNOWN_TENANTS}))
        """
    )


ROTATION = re.compile(
    r"(?:[-_.](?:\d{1,3}|\d{8}(?:[T_-]?\d{2,6})?|\d{4}-\d\d-\d\d(?:[T_-]\d\d(?:[:_-]?\d\d)*)?|gz|bz2|zst|log|old))+$"
)
HOURLY = re.compile(r"/(?:[ymdh]=\d+/|\d{4}/\d\d/\d\d/(?:\d\d/)?|m=\d+/)+")


def log_name(file: str) -> str:
    """Names the log that a file is a part of: its path without what rotation adds.

    >>> log_name("/var/log/nginx/scim-access.log.1"), log_name("/var/log/nginx/scim-access.log-20260302.gz")
    ('/var/log/nginx/scim-access', '/var/log/nginx/scim-access')
    """
    folder, slash, name = HOURLY.sub("/", file).rpartition("/")
    return folder + slash + (ROTATION.sub("", name) or name)
