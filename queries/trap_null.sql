-- Whose attribute was emptied in Entra, and is still set in the app?
--
-- Title    Attributes not cleared in apps
-- Topic    Leavers
--
-- Entra never sends null. An attribute's last change was to nothing, and the newest answer of the app that shows the
-- user still holds a value. Where no answer was logged since, there is no row.
--
-- Parameters
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $since    TIMESTAMP         since when changes and the app's answers are looked at
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name    the application
--   name        the person's UPN, else the display name
--   since       since when, as far as the store knows
--   seen        what gives it away
--   cure        how to fix it
--   source_id   the person's id in Entra
--   event_id    the event that gives it away
--   job_id      the job
with changed as (
    select job_id, source_id, occurred_at, event_id, order_key, target_id, app_id, tenant_id, app_name, "name",
        unnest(changed_attributes, recursive := true)
    from (
        select job_id, source_id, occurred_at, event_id,
            order_of(occurred_at, event_id, "action", status) as order_key, target_id,
            app_id, tenant_id, app_name, coalesce(upn, source_name, source_id) as "name",
            list_filter(
                changes, lambda c: coalesce(c.old_value, '') <> '' or coalesce(c.new_value, '') <> ''
            ) as changed_attributes
        from events
        where occurred_at >= $since and occurred_at <= $as_of and lower(coalesce(source_type, '')) <> 'group'
            and (job_id, source_id) in (
                select (job_id, source_id)
                from events
                where occurred_at >= $since and occurred_at <= $as_of and len(list_filter(changes,
                    lambda c: coalesce(c.old_value, '') <> '' and coalesce(c.new_value, '') = '')) > 0)
    )
), emptied as (
    select
        job_id,
        source_id,
        attribute,
        max(order_key) as order_key,
        max(occurred_at) as since,
        arg_max(event_id, order_key) as event_id,
        arg_max(target_id, order_key) as target_id,
        arg_max(app_id, order_key) as app_id,
        arg_max(tenant_id, order_key) as tenant_id,
        arg_max(app_name, order_key) as app_name,
        arg_max("name", order_key) as "name"
    from changed
    group by job_id, source_id, attribute
    having arg_max(coalesce(new_value, ''), order_key) = ''
), answers as (
    select * exclude (response_body), resource_in(response_body) as resource
    from answers_between($since, $as_of)
    where resource_id in (select target_id from emptied)
), answered as (
    select n.job_id, n.source_id, n.attribute, max(x.occurred_at) as answered_at,
        arg_max(coalesce(scim_value(x.resource, n.attribute), ''), x.occurred_at) as app_value
    from emptied n
    join answers x on x.resource_id = n.target_id and x.occurred_at >= n.since and x.app_id = n.app_id
    where json_extract_string(x.resource, '$.id') = n.target_id
    group by n.job_id, n.source_id, n.attribute
)
select
    coalesce(n.app_name, job_label(n.job_id)) as app_name,
    n."name",
    n.since,
    n.attribute || ' was emptied, and on ' || strftime(a.answered_at, '%Y-%m-%d %H:%M') || ' UTC the app still held ‹'
        || a.app_value || '›.' as seen,
    'Empty it in the app by hand, or map an expression that sends an empty text instead of nothing.' as cure,
    n.source_id,
    n.event_id,
    n.job_id
from emptied n
join answered a on a.job_id = n.job_id and a.source_id = n.source_id and a.attribute = n.attribute
where a.app_value <> ''
    and ($job is null or n.job_id = $job)
    and of_tenant($tenant, n.tenant_id, n.job_id)
order by n.since, n.job_id, n.source_id, n.attribute
