-- Who came into scope, and who left it?
--
-- Title    Users entering and leaving scope
-- Topic    Scope and skips
--
-- Left: in scope by the last record before the window, or the first in it, and out of scope by the last record in it;
-- came, the other way round, or by a first event that creates the account after the job's first known cycle. A record
-- is what a scoping step judged, a skip because of missing entitlement, or an attempt. Objects that moved forth and
-- back are not listed.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   turn         left or came
--   name         the person or group
--   app_name     the application
--   sentence     why, for those who left
--   moved_at     the first event that shows it
--   source_id    the object's id in Entra
--   job_id       the job
with scope_footings as (
    select *
    from footings
    where occurred_at < $until
        and "scope" is not null
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
), scopes as (
    select
        object,
        arg_max("scope", order_key) as now_scope,
        coalesce(arg_max("scope", order_key) filter (where occurred_at < $since), arg_min("scope", order_key))
            as earlier_scope,
        min(order_key) as first_key
    from scope_footings
    group by object
    having max(occurred_at) >= $since
), first_cycles as (
    select job_id, arg_min(ended_at, began_at) as ended_at
    from (select job_id, cycle_id, min(began_at) as began_at, max(ended_at) as ended_at from cycle_parts group by all)
    group by job_id
), joined as (
    -- Those whose first event of all shows an account in use, or that a create failed, after the first known cycle.
    select f.object, f.job_id, f.event_id, f.occurred_at
    from scope_footings f
    join scopes s on s.object = f.object and s.first_key = f.order_key
    join first_cycles c on c.job_id = f.job_id and f.occurred_at > c.ended_at
    where s.now_scope = 'in' and f.occurred_at >= $since and f.account in ('active', 'absent', 'unknown')
        and f.removal is null
        and not exists (from footings e where e.object = f.object and e.order_key < f.order_key)
), created as (
    -- Whoever is created then was not in scope before; an account that is only enabled may have been.
    select j.object
    from joined j
    join events e
        on e.occurred_at = j.occurred_at and e.event_id = j.event_id and e.job_id is not distinct from j.job_id
    where e."action" = 'create' and e.occurred_at >= $since and e.occurred_at < $until
), moved as (
    -- The last word to the contrary: the move is the first event after it.
    select s.object, s.now_scope, max(f.order_key) as before_key
    from scopes s
    left join scope_footings f on f.object = s.object and f."scope" <> s.now_scope
    where s.now_scope <> s.earlier_scope or s.object in (from created)
    group by s.object, s.now_scope
), moves as (
    select
        m.object,
        any_value(m.now_scope) as now_scope,
        any_value(f.job_id) as job_id,
        any_value(f.source_id) as source_id,
        arg_max(f.source_type, f.order_key) as source_type,
        arg_max(coalesce(f."name", f.source_id), f.order_key) as "name",
        arg_max(f.app_name, f.order_key) as app_name,
        min(f.occurred_at) as moved_at,
        arg_max_null(f.left_as, f.order_key) as left_as,
        arg_max(f.event_id, f.order_key) as event_id
    from moved m
    join scope_footings f on f.object = m.object and f.order_key > coalesce(m.before_key, -1)
    group by m.object
)
select
    case when m.now_scope = 'out' then 'left' else 'came' end as turn,
    m."name",
    m.app_name,
    case when m.now_scope = 'out' then skip_sentence(coalesce(s.kind, kind_of_leaving(m.left_as)), m."name",
        coalesce(m.app_name, 'the app'), m.source_type, s.attribute, coalesce(s.clauses, []), s.reason) end as sentence,
    m.moved_at,
    m.source_id,
    m.job_id
from moves m
left join skips s on s.event_id = m.event_id and s.job_id is not distinct from m.job_id
order by m.moved_at desc, m."name", m.job_id, m.source_id
