-- Disables and deletes that are done.

-- done_removals(as_of, only_job, only_tenant): one row per user whose newest removal is a disable or a delete that is
-- done, by itself or by what came after it; null for only_job and only_tenant asks about all.
--   object     the object's number
--   removal    disable or delete
--   job_id     the job
--   source_id  the object's id in Entra
--   app_id     the app's service principal
--   app_name   the app's name
--   name       the UPN, else the display name, else the id
--   target_id  the object's id in the app
--   event_id   the event that shows it done
--   ended_at   its time
create or replace macro done_removals(as_of, only_job, only_tenant) as table
with newest_removals as (
    select object, max(order_key) as order_key
    from footings
    where occurred_at <= as_of and removal is not null and lower(coalesce(source_type, '')) <> 'group'
        and (only_job is null or job_id = only_job)
        and of_tenant(only_tenant, tenant_id, job_id)
    group by object
    having arg_max(removal, order_key) in ('disable', 'delete')
)
select
    f.object,
    arg_min(f.removal, f.order_key) as removal,
    any_value(f.job_id) as job_id,
    any_value(f.source_id) as source_id,
    arg_min(f.app_id, f.order_key) as app_id,
    arg_min(f.app_name, f.order_key) as app_name,
    coalesce(arg_min(f."name", f.order_key), any_value(f.source_id)) as "name",
    arg_min(f.target_id, f.order_key) as target_id,
    arg_min(f.event_id, f.order_key) as event_id,
    min(f.occurred_at) as ended_at
from footings f
join newest_removals n on n.object = f.object and f.order_key >= n.order_key
where f.occurred_at <= as_of and f.ends is not null
group by f.object
having arg_min(f.ends, f.order_key) = 'done';
