-- Which app a record is about that names only the job, only the app, or neither.

-- app_jobs: one row per app with its newest job, for records that name only the app, such as its own log: by a status, else
-- by events. Two tenants may have apps of one name, which only the job tells apart.
--   app_id    the app's service principal
--   app_name  the app's newest name
--   job_id    the app's newest job
create or replace view app_jobs as
with reported_apps as materialized (
    select
        app_id,
        arg_max(app_name, row(observed_at, app_name)) as app_name,
        arg_max(job_id, row(observed_at, job_id)) as job_id
    from job_snapshots
    where app_id is not null
    group by app_id
)
from reported_apps
union all
select app_id, arg_max(app_name, order_key) as app_name, arg_max(job_id, order_key) as job_id
from footings
where app_id is not null and app_id not in (select app_id from reported_apps)
group by app_id;

-- app_names: one row per app with its newest name: by a status of its job, else by its events.
--   app_id    the app's service principal
--   app_name  the app's newest name
create or replace view app_names as
select app_id, app_name from app_jobs;

-- sole_app: one row: the app whose every request must be, where nothing names a second app or job; null otherwise.
--   app_id  the app's service principal
create or replace view sole_app as
with reported_jobs as materialized (
    select distinct job_id, app_id from job_snapshots
)
select case when (select count(distinct job_id) from (
        select job_id from hourly_parts union all select job_id from reported_jobs)) <= 1
    and count(distinct app_id) <= 1
    then coalesce(max(app_id), (select app_id from events where app_id is not null limit 1)) end as app_id
from (
    -- Requests of paired days are not read again.
    select app_id from log_owner_hits
    union all
    select nullif(x.app_id, '')
    from exchanges x
    join (select distinct "day" from unpaired_days) u
        on x.occurred_at >= u."day" and x.occurred_at < u."day" + interval 1 day
    where x.app_id is not null
    union all
    select app_id from reported_jobs
);

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

-- owner_hits(since, until): one row per unpaired day of a time range, log, path and app: how much says that the
-- requests under the path are the app's. An id that two apps know says nothing. Two hundred ids of a path, chosen by
-- hash and so always alike, decide that as surely as all do. Without an unpaired day nothing is read: DuckDB ends each
-- scan whose join has nothing on the other side.
--   day     the day
--   log     the log, as exchanges has it
--   base    the path, as log_path gives it
--   app_id  the app's service principal
--   hits    how many lines name the app there, or ids are known by its events
create or replace macro owner_hits(since, until) as table
with unpaired as materialized (
    from unpaired_between(since, until)
), lines as materialized (
    select
        u."day",
        x."log",
        log_path(x."path") as base,
        x.app_id,
        case when x.app_id is null then lower(x.resource_id) end as target_id,
        count(*) as hits
    from exchanges x
    join unpaired u on x.occurred_at >= u."day" and x.occurred_at < u."day" + interval 1 day
    where x.app_id is not null or x.resource_id is not null
    group by all
), nameless as materialized (
    select "day", "log", base, unnest(arg_min(target_id, hash(target_id), 200)) as target_id
    from lines
    where app_id is null
    group by "day", "log", base
), ids_of_one_app as (
    select u."day", lower(e.target_id) as target_id, min(e.app_id) as app_id
    from events e
    join unpaired u on e.occurred_at >= u."day" and e.occurred_at < u."day" + interval 1 day
    where e.app_id is not null and lower(e.target_id) in (select target_id from nameless)
    group by u."day", lower(e.target_id)
    having min(e.app_id) = max(e.app_id)
)
select "day", "log", base, app_id, sum(hits)::bigint as hits
from (
    select "day", "log", base, app_id, hits from lines where app_id is not null
    union all
    select n."day", n."log", n.base, e.app_id, count(*)
    from nameless n
    join ids_of_one_app e on e."day" = n."day" and e.target_id = n.target_id
    group by all
)
where base is not null
group by "day", "log", base, app_id;

-- owners_of(hits): one row per day, log and path with its app, of a table like log_owner_hits: the one that lines there
-- name, or whose events know the ids in them, within a week before and after. Where a second app has a tenth of that or
-- more, the log is of both, and which request is whose is unknown.
--   day     the day
--   log     the log, as exchanges has it
--   base    the path, as log_path gives it
--   app_id  the app's service principal
--   hits    how many lines or ids say so
create or replace macro owners_of(hits) as table
select "day", "log", base, arg_max(app_id, amount) as app_id, max(amount) as hits
from (
    select h."day" + to_days(away) as "day", h."log", h.base, h.app_id, sum(h.hits)::bigint as amount
    from query_table(hits) h
    cross join (select unnest(range(-7, 8))::integer as away)
    group by all
)
group by "day", "log", base
having sum(amount) < 1.1 * max(amount);

-- log_owners(since, until): one row per day in or near a time range, log and path under which requests lie, with its
-- app. What the unpaired days of the time range say is found out now.
--   day     the day
--   log     the log, as exchanges has it
--   base    the path, as log_path gives it
--   app_id  the app's service principal
--   hits    how many lines or ids say so
create or replace macro log_owners(since, until) as table
with period_hits as (
    select h."day", h."log", h.base, h.app_id, h.hits
    from log_owner_hits h
    anti join unpaired_between(since, until) u on u."day" = h."day"
    where h."day" > since - interval 10 day and h."day" < until + interval 10 day
    union all
    from owner_hits(since, until)
)
from owners_of('period_hits');

-- app_requests(since, until): one row per SCIM request of a time range, with its app as far as that can be decided: what
-- any question asks that needs to know whose a request is.
--   exchanges.*  the request; app_id is filled in from log_owners and sole_app
--   is_named     whether the log itself names the app
create or replace macro app_requests(since, until) as table
select
    x.* replace (coalesce(nullif(x.app_id, ''), o.app_id, s.app_id) as app_id),
    coalesce(x.app_id, '') <> '' as is_named
from exchanges x
left join log_owners(since, until) o
    on o.base = case when coalesce(x.app_id, '') = '' then log_path(x."path") end
        and o."log" is not distinct from x."log" and o."day" = date_trunc('day', x.occurred_at)
cross join sole_app s
where x.occurred_at >= since and x.occurred_at < until;

-- app_calls: one row per SCIM request, with its app as far as that can be decided.
--   exchanges.*  the request; app_id is filled in
--   is_named     whether the log itself names the app
create or replace view app_calls as from app_requests(timestamp '1970-01-01', timestamp '2200-01-01');

-- entra_calls(since, until): one row per SCIM request after an instant until another, inclusive, that may be Entra's, with
-- its app as far as that can be decided. Those of a client that was never answered well, and asked for nothing that Entra
-- asks for, are left out where another client of the same log did: Entra looks up, reads and writes users and groups, and
-- lists none. That their token is rejected, or that the app fails them, says nothing of Entra's. A log that does not show
-- what is looked up has only lists; in it every client may be Entra.
--   app_requests.*  the request
create or replace macro entra_calls(since, until) as table
with clients as materialized (
    select
        coalesce("log", '') as "log",
        client,
        count(*) filter (http_status between 200 and 299) = 0 as is_rejected,
        bool_and(coalesce(operation in ('list', 'other'), false)) as only_lists
    from exchanges
    where occurred_at > since and occurred_at <= until and http_status is not null and client is not null
    group by all
), foreign_clients as (
    select "log", client
    from clients
    where is_rejected and only_lists and "log" in (select "log" from clients where not only_lists)
)
from app_requests(after_s(since, 1e-6), after_s(until, 1e-6)) r
anti join foreign_clients s on s."log" = coalesce(r."log", '') and s.client = r.client;

-- job_apps: one row per job and app that it provisions, by its status or by the requests that its events made.
--   job_id  the job
--   app_id  the app's service principal
create or replace view job_apps as
select job_id, app_id from job_snapshots where job_id is not null and app_id is not null
union
select job_id, app_id from request_matches where job_id is not null and app_id is not null;
