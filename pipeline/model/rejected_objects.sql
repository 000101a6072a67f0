-- Users and groups whose newest change the app rejected although Entra calls it done.

-- rejected_as_of(instants): one row per instant and object whose newest change that Entra calls done was rejected by its
-- app, and nothing later shows it done by then.
--   as_of            the instant
--   object           the object, by object_number
--   job_id           the job
--   source_id        its id in Entra
--   app_id           the app's service principal
--   app_name         the app's name
--   source_type      User, Group or another kind of object
--   name             the UPN, else the display name, else the id
--   since            the first such change
--   action           what the newest was to do
--   http_status      what the app answered to it
--   method           the HTTP method of its request
--   event_id         its event
--   exchange_id      its request
--   rejects_removal  whether one of them was to disable or delete the account
--   rejects_account  whether one of them was to create, disable or delete it
create or replace macro rejected_as_of(instants) as table
select
    i.as_of,
    r.object,
    any_value(r.job_id) as job_id,
    any_value(r.source_id) as source_id,
    arg_max(r.app_id, r.order_key) as app_id,
    arg_max(r.app_name, r.order_key) as app_name,
    arg_max(r.source_type, r.order_key) as source_type,
    arg_max(r."name", r.order_key) as "name",
    min(r.occurred_at) as since,
    arg_max(r."action", r.order_key) as "action",
    arg_max(r.http_status, r.order_key) as http_status,
    arg_max(r."method", r.order_key) as "method",
    arg_max(r.event_id, r.order_key) as event_id,
    arg_max(r.exchange_id, r.order_key) as exchange_id,
    bool_or(r."action" in ('disable', 'delete')) as rejects_removal,
    bool_or(r."action" in ('create', 'disable', 'delete')) as rejects_account
from rejected_changes r
join (select unnest(instants) as as_of) i
    on greatest(r.occurred_at, r.rejected_at) <= i.as_of and coalesce(r.settled_at > i.as_of, true)
group by i.as_of, r.object;
