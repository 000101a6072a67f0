-- Which app a record is about that names only the job, only the app, or neither.

-- app_jobs: one row per app with its newest job, for records that name only the app, such as its own log.
--   app_id    the app's service principal
--   app_name  the app's newest name
--   job_id    the app's newest job
create or replace view app_jobs as
select app_id, arg_max(app_name, observed_at) as app_name, arg_max(job_id, observed_at) as job_id
from job_snapshots
where app_id is not null
group by app_id;

-- app_calls: one row per SCIM request, with its app. A log that names none is the only app's, where no other has a log
-- at all.
--   exchanges.*  the request; app_id is filled in
create or replace view app_calls as
select * replace (coalesce(nullif(app_id, ''), (
    select case when count(distinct app_id) = 1 then any_value(app_id) end from exchanges where app_id <> ''
)) as app_id)
from exchanges;

-- log_path(path): the path under which a log's requests lie, by which logs that name no app are told apart.
create or replace macro log_path("path") as regexp_extract(lower("path"), '^(.*?)(/users|/groups|/schemas|$)', 1);

-- unpaired_between(since, until): one row per day of a time range whose events and requests are not paired as they
-- stand now.
--   day  the day
create or replace macro unpaired_between(since, until) as table
select distinct "day" from unpaired_days where "day" > since - interval 1 day and "day" < until;

-- days_to_pair(source): one row per day whose pairs the records of a table may change and that is not marked as
-- unpaired yet: what is 70 minutes away matters, as pairing_stretches says.
--   day  the day
create or replace macro days_to_pair(source) as table
select d."day"
from (
    select distinct date_trunc('day', occurred_at + away * interval 70 minute) as "day"
    from query_table(source)
    cross join (select unnest([-1, 1]) as away)
    where occurred_at is not null
) d
anti join unpaired_days u on u."day" = d."day";

-- owner_hits(since, until): one row per unpaired day of a time range, path and app: how much says that the requests
-- under the path are the app's. Two hundred ids of a path, chosen by hash and so always alike, decide that as surely as
-- all do. Without an unpaired day nothing is read: DuckDB ends each scan whose join has nothing on the other side.
--   day     the day
--   base    the path, as log_path gives it
--   app_id  the app's service principal
--   hits    how many lines name the app there, or ids are known by its events
create or replace macro owner_hits(since, until) as table
with unpaired as materialized (
    from unpaired_between(since, until)
), nameless as materialized (
    select "day", base, unnest(arg_min(target_id, hash(target_id), 200)) as target_id
    from (
        select distinct u."day", log_path(x."path") as base, lower(x.resource_id) as target_id
        from exchanges x
        join unpaired u on x.occurred_at >= u."day" and x.occurred_at < u."day" + interval 1 day
        where x.app_id is null and x.resource_id is not null
    )
    group by "day", base
)
select "day", base, app_id, sum(hits)::bigint as hits
from (
    select u."day", log_path(x."path") as base, x.app_id, count(*) as hits
    from exchanges x
    join unpaired u on x.occurred_at >= u."day" and x.occurred_at < u."day" + interval 1 day
    where x.app_id is not null
    group by all
    union all
    select n."day", n.base, e.app_id, count(*)
    from nameless n
    join (
        select distinct u."day", e.app_id, lower(e.target_id) as target_id
        from events e
        join unpaired u on e.occurred_at >= u."day" and e.occurred_at < u."day" + interval 1 day
        where e.app_id is not null and lower(e.target_id) in (select target_id from nameless)
    ) e on e."day" = n."day" and e.target_id = n.target_id
    group by all
)
where base is not null
group by "day", base, app_id;

-- owners_of(hits): one row per day and path with its app, of a table like log_owner_hits: the one that most lines there
-- name, or whose events know most ids in them, within a week before and after.
--   day     the day
--   base    the path, as log_path gives it
--   app_id  the app's service principal
--   hits    how many lines or ids say so
create or replace macro owners_of(hits) as table
select "day", base, arg_max(app_id, (amount, app_id)) as app_id, max(amount) as hits
from (
    select h."day" + to_days(away) as "day", h.base, h.app_id, sum(h.hits)::bigint as amount
    from query_table(hits) h
    cross join (select unnest(range(-7, 8))::integer as away)
    group by all
)
group by "day", base;

-- log_owners(since, until): one row per day in or near a time range and path under which requests lie, with its app.
-- What the unpaired days of the time range say is found out now.
--   day     the day
--   base    the path, as log_path gives it
--   app_id  the app's service principal
--   hits    how many lines or ids say so
create or replace macro log_owners(since, until) as table
with period_hits as (
    select h."day", h.base, h.app_id, h.hits
    from log_owner_hits h
    anti join unpaired_between(since, until) u on u."day" = h."day"
    where h."day" > since - interval 10 day and h."day" < until + interval 10 day
    union all
    from owner_hits(since, until)
)
from owners_of('period_hits');

-- app_requests(since, until): one row per SCIM request of a time range, with its app as far as that can be decided.
--   exchanges.*  the request; app_id is filled in from log_owners
create or replace macro app_requests(since, until) as table
select x.* replace (coalesce(x.app_id, o.app_id) as app_id)
from exchanges x
left join log_owners(since, until) o
    on o.base = case when x.app_id is null then log_path(x."path") end and o."day" = date_trunc('day', x.occurred_at)
where x.occurred_at >= since and x.occurred_at < until;
