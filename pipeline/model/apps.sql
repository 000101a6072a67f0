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

-- log_owners(since, until): one row per path under which requests of a time range lie, with its app: the one that most
-- lines there name, or whose events know most ids in them. Two hundred ids of a path, chosen by hash and so always
-- alike, decide that as surely as all do.
--   base    the path, as log_path gives it
--   app_id  the app's service principal
--   hits    how many lines or ids say so
create or replace macro log_owners(since, until) as table
with nameless as materialized (
    select base, unnest(arg_min(target_id, hash(target_id), 200)) as target_id
    from (
        select distinct log_path("path") as base, lower(resource_id) as target_id
        from exchanges
        where occurred_at >= since and occurred_at < until and app_id is null and resource_id is not null
    )
    group by base
)
select base, arg_max(app_id, (hits, app_id)) as app_id, max(hits) as hits
from (
    select base, app_id, sum(hits)::bigint as hits
    from (
        select log_path("path") as base, app_id, count(*) as hits
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

-- app_requests(since, until): one row per SCIM request of a time range, with its app as far as that can be decided.
--   exchanges.*  the request; app_id is filled in from log_owners
create or replace macro app_requests(since, until) as table
with owners as materialized (
    from log_owners(since, until)
)
select x.* replace (coalesce(x.app_id, o.app_id) as app_id)
from exchanges x
left join owners o on x.app_id is null and o.base = log_path(x."path")
where x.occurred_at >= since and x.occurred_at < until;
