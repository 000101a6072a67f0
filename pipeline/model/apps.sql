-- Which app a record is about that names only the job, only the app, or neither.

-- app_jobs: the job and the name of an app, for what names only the app, such as its own log.
create or replace view app_jobs as
select app_id, arg_max(app_name, observed_at) as app_name, arg_max(job_id, observed_at) as job_id
from job_snapshots
where app_id is not null
group by app_id;

-- app_calls: SCIM requests with their app. A log that names none is the only app's, where no other has a log at all.
create or replace view app_calls as
select * replace (coalesce(nullif(app_id, ''), (
    select case when count(distinct app_id) = 1 then any_value(app_id) end from exchanges where app_id <> ''
)) as app_id)
from exchanges;

-- wire_base: under which path a log's requests lie, by which logs that name no app are told apart.
create or replace macro log_path("path") as regexp_extract(lower("path"), '^(.*?)(/users|/groups|/schemas|$)', 1);

-- wire_owners: whose requests lie under a path: the app that most lines there name, or whose events know most ids in
-- them. Two hundred ids of a path, chosen by chance but always alike, tell that as surely as all do.
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

-- wire_heard: the requests of a window, each with the app whose it is, as far as that can be told.
create or replace macro app_requests(since, until) as table
with owners as materialized (
    from log_owners(since, until)
)
select x.* replace (coalesce(x.app_id, o.app_id) as app_id)
from exchanges x
left join owners o on x.app_id is null and o.base = log_path(x."path")
where x.occurred_at >= since and x.occurred_at < until;
