-- Which SCIM requests about one user or group did the apps receive?
--
-- Title    SCIM requests for a user
-- Topic    SCIM traffic
--
-- Those within fifteen minutes of one of its events, that name it by its id in the app, its id or its name.
--
-- Parameters
--   $object    VARCHAR           the object's id in Entra
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $limit     BIGINT = 500      how many at most, the newest first
--
-- Columns
--   occurred_at    when, by the app's clock
--   app_name       the application; null where whose request it is is unknown
--   method         GET, POST, PATCH, PUT or DELETE
--   operation      what kind of request it is
--   path           what was asked for
--   http_status    what was answered
--   detail         the SCIM error's words
--   exchange_id    the exchange
--   job_id         the job; null where whose request it is is unknown
with person_events as materialized (
    select job_id, app_id, app_name, occurred_at, lower(target_id) as target_id,
        lower(coalesce(upn, source_name)) as "name"
    from events
    where source_id = $object and ($job is null or job_id = $job)
    order by occurred_at desc
    limit $limit
), apps as (
    select
        job_id,
        any_value(app_id) as app_id,
        name_of_job(max(app_name), job_id) as app_name,
        list_distinct(list(target_id) || list("name") || [lower($object)]) as keys
    from person_events
    group by job_id
), minutes as (
    select distinct date_trunc('minute', occurred_at) + to_minutes(unnest(range(-15, 16))) as near_at from person_events
), nearby_requests as (
    select *
    from app_requests(
        (select min(near_at) from minutes), (select max(near_at) + interval 1 minute from minutes))
    where date_trunc('minute', occurred_at) in (from minutes)
        and coalesce(operation, '') not in ('probe', 'discover')
), keyed as (
    select *, request_object_keys("method", resource_id, "filter", request_body, response_body) as keys
    from nearby_requests
)
select
    x.occurred_at,
    a.app_name,
    x."method",
    x.operation,
    x."path",
    x.http_status,
    x.detail,
    x.exchange_id,
    a.job_id
from keyed x
left join apps a on list_has_any(x.keys, a.keys) and x.app_id = a.app_id
where a.job_id is not null
    or x.app_id is null and list_has_any(x.keys, (select flatten(list(keys)) from apps))
order by x.occurred_at desc, x.exchange_id, a.job_id
limit $limit
