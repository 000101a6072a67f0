-- Whose attribute was emptied by the newest change of it that is stored.

-- emptied_values(since_at, until_at): one row per object and attribute whose newest stored change in a time range emptied
-- it. Of most events the changes are not read: only those of objects that have such a change, and of creates.
--   job_id          the job
--   source_id       the object's id in Entra
--   tenant_id       the tenant
--   app_name        the app's name
--   attribute       the attribute in the app
--   event_id        the change
--   since           its time
--   always_written  whether every create of the job in the time range, three at least, wrote a value
create or replace macro emptied_values(since_at, until_at) as table
with emptying as (
    select distinct job_id, source_id
    from events
    where occurred_at >= since_at
        and occurred_at < until_at
        and "action" = 'update'
        and status in ('success', 'warning')
        and lower(coalesce(source_type, '')) <> 'group'
        and len(list_filter(changes, lambda c: coalesce(c.new_value, '') = '')) > 0
), written_values as materialized (
    select job_id, source_id, tenant_id, app_name, event_id, occurred_at, "action",
        order_of(occurred_at, event_id, "action", status) as order_key, unnest(changes, recursive := true)
    from events
    where occurred_at >= since_at
        and occurred_at < until_at
        and status in ('success', 'warning')
        and ((job_id, source_id) in (from emptying) or "action" = 'create' and job_id in (select job_id from emptying))
), creates as (
    select job_id, count(distinct event_id) as creates from written_values where "action" = 'create' group by job_id
), always_written as (
    select w.job_id, w.attribute
    from written_values w
    join creates c on c.job_id = w.job_id
    where w."action" = 'create' and coalesce(w.new_value, '') <> '' and c.creates >= 3
    group by w.job_id, w.attribute, c.creates
    having count(distinct w.event_id) = c.creates
), emptied as (
    select
        job_id,
        source_id,
        any_value(tenant_id) as tenant_id,
        arg_max(app_name, order_key) as app_name,
        attribute,
        arg_max(event_id, order_key) as event_id,
        max(occurred_at) as since
    from written_values
    where (job_id, source_id) in (from emptying)
    group by job_id, source_id, attribute
    having coalesce(arg_max(coalesce(new_value, ''), order_key), '') = ''
)
select
    e.job_id,
    e.source_id,
    e.tenant_id,
    e.app_name,
    e.attribute,
    e.event_id,
    e.since,
    (e.job_id, e.attribute) in (select (job_id, attribute) from always_written) as always_written
from emptied e;
