-- Changes that Entra calls done and the app's own log answers with an error.

-- refused_changes(): one row per event that reports a write as done and whose request, surely its own, has an error. That
-- an account to disable or delete is not there is none.
--   object        the object, by object_number
--   order_key     the event's place in the order of events, by order_of
--   event_id      the event
--   job_id        the job
--   app_id        the app's service principal
--   app_name      the app's name
--   source_id     the object's id in Entra
--   source_type   User, Group or another kind of object
--   name          the UPN, else the display name, else the id
--   action        what was to be done; an update that switches the account off is a disable
--   occurred_at   when it happened
--   exchange_id   the SCIM request
--   requested_at  when the app logged it, by its own clock
--   rejected_at   that instant by Entra's clock
--   method        the HTTP method
--   http_status   the answer's HTTP status
--   ids           what the object is called in the app: its id there, and that of the request's path
--   keys          everything by which a request may name it, in small letters
--   skew_s        by how many seconds the app's clock is ahead; 0 where unknown
create or replace macro refused_changes() as table
with refused as materialized (
    select event_id, job_id, app_id, occurred_at, exchange_id, requested_at, "method", http_status, apart_s,
        coalesce(skew_s, 0) as skew_s
    from request_matches
    where http_status >= 400 and status in ('success', 'warning') and "method" <> 'GET'
        -- Its id or name and the verb fit, or its name was looked up just before; and the instants agree.
        and (matched_by = 'request id' or score >= 5 and abs(apart_s) <= 120)
)
select
    e.object,
    e.order_key,
    r.event_id,
    r.job_id,
    r.app_id,
    e.app_name,
    e.source_id,
    e.source_type,
    coalesce(e.upn, e.source_name, e.source_id) as "name",
    coalesce(e.removal, e."action") as "action",
    r.occurred_at,
    r.exchange_id,
    r.requested_at,
    r.requested_at - to_milliseconds((1000 * r.skew_s)::bigint) as rejected_at,
    r."method",
    r.http_status,
    list_filter([lower(e.target_id), lower(x.resource_id)], lambda w: w is not null) as ids,
    list_filter([lower(e.target_id), lower(e.source_id), lower(e.upn), lower(e.source_name)],
        lambda w: w is not null) as keys,
    r.skew_s
from refused r
join (
    select *, object_number(job_id, source_id) as object,
        order_of(occurred_at, event_id, "action", status) as order_key,
        removal_of("action", last_step, steps, enabling_of(changes)) as removal
    from events
) e on e.event_id = r.event_id and e.occurred_at = r.occurred_at and e.job_id is not distinct from r.job_id
left join (select exchange_id, occurred_at, resource_id from exchanges) x
    on x.exchange_id = r.exchange_id and x.occurred_at = r.requested_at
where e.source_id is not null and claims_write(e."action", e.last_step)
    and not (coalesce(e.removal in ('disable', 'delete'), false) and r.http_status in (404, 410));

-- settling_calls(refused): one row per change of a table of refused_changes and later answer of the app, by its own log,
-- that shows it done: a write to the same object that succeeded, or its account gone, or, after a create, its account
-- found. What a failed disable left is settled by a disable or delete alone. A create that was sent again is looked for
-- in the ten minutes after it; one that says nothing of its object may be it.
--   object     the object
--   order_key  the change
--   settled_at  the answer, by Entra's clock
create or replace macro settling_calls(refused) as table
with calls as materialized (
    select exchange_id, app_id, occurred_at, "method", lower(resource_id) as resource_id, operation, http_status
    from app_calls
    where occurred_at >= (select min(requested_at) from query_table(refused))
        and app_id in (select app_id from query_table(refused))
        and (http_status between 200 and 299 or http_status in (404, 410) and "method" = 'DELETE')
), repeats as (
    select r.object, r.order_key, r.skew_s, r.keys, x.exchange_id, x.occurred_at
    from query_table(refused) r
    join calls x on x.app_id = r.app_id and x.resource_id is null and x."method" in ('GET', 'POST')
        and x.occurred_at between r.requested_at and r.requested_at + interval 10 minute
    where r."action" = 'create'
), repeat_keys as (
    select exchange_id, "method", lower(response_body) as answer,
        request_object_keys("method", resource_id, "filter", request_body, response_body) as keys
    from exchanges
    where exchange_id in (select exchange_id from repeats)
)
select r.object, r.order_key, x.occurred_at - to_milliseconds((1000 * r.skew_s)::bigint) as settled_at
from (select *, unnest(ids) as id from query_table(refused)) r
join calls x on x.app_id = r.app_id and x.resource_id = r.id and x.occurred_at >= r.requested_at
    and x.exchange_id <> r.exchange_id
where x."method" = 'DELETE' or r."action" = 'disable' and x.operation = 'disable'
    or r."action" = 'create' or r."action" not in ('disable', 'delete') and x."method" <> 'GET'
union all
select p.object, p.order_key, p.occurred_at - to_milliseconds((1000 * p.skew_s)::bigint)
from repeats p
join repeat_keys k on k.exchange_id = p.exchange_id
where case when k."method" = 'POST' then len(k.keys) = 0 or list_has_any(k.keys, p.keys)
    else list_has_any(k.keys, p.keys) and len(list_filter(p.keys, lambda w: contains(k.answer, w))) > 0 end;

-- settling_events(refused): one row per change of a table of refused_changes and later event of the same object, in any
-- job of the app, that shows it done: both sides match, or its own request succeeded.
--   object     the object
--   order_key  the change
--   settled_at  the event
create or replace macro settling_events(refused) as table
select r.object, r.order_key, e.occurred_at as settled_at
from query_table(refused) r
join events e on e.source_id = r.source_id and e.event_id <> r.event_id and e.occurred_at >= r.occurred_at
    and (e.job_id = r.job_id or e.app_id = r.app_id)
left join request_matches m on m.event_id = e.event_id and m.occurred_at = e.occurred_at
    and m.job_id is not distinct from e.job_id and m.requested_at >= r.requested_at
where e.status = 'skipped' and e.skip_reason = 'RedundantExport'
    or m.http_status < 400 and m."method" <> 'GET' and (r."action" not in ('disable', 'delete')
        or removal_of(e."action", e.last_step, e.steps, enabling_of(e.changes)) is not null or enabling_of(e.changes));

-- rejections(): the rows of the table rejected_changes, as the pairs, events and requests that are stored have it.
--   rejected_changes.*  as in the table
create or replace macro rejections() as table
with refused as materialized (
    from refused_changes()
), settled as (
    select object, order_key, min(settled_at) as settled_at
    from (from settling_calls('refused') union all from settling_events('refused'))
    group by object, order_key
)
select r.* exclude (ids, keys, skew_s), s.settled_at
from refused r
left join settled s on s.object = r.object and s.order_key = r.order_key;
