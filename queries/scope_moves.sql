-- Who came into scope, and who left it?
--
-- Left, if the last word before the window, or the first in it, was anything else than a skip for scope, and the last
-- word in it is one; came, the other way round. Whoever moved forth and back is not named.
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
--   moved_at     when
--   source_id    the object's id in Entra
--   job_id       the job
with scope_footings as (
    select object, occurred_at, order_key, footing = 'out' as is_out
    from footings
    where occurred_at < $until
        and (footing in ('in', 'gone', 'out') or footing = 'problem' and status <> 'skipped')
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
), moved as (
    select object, max(order_key) as order_key
    from scope_footings
    group by object
    having max(occurred_at) >= $since
        and arg_max(is_out, order_key)
            <> coalesce(arg_max(is_out, order_key) filter (where occurred_at < $since), arg_min(is_out, order_key))
), moved_footings as (
    select f.*
    from footings f
    join moved m on m.object = f.object and f.order_key <= m.order_key
), lasts as (
    select
        any_value(job_id) as job_id,
        any_value(source_id) as source_id,
        arg_max(event_id, order_key) as event_id,
        arg_max(footing, order_key) = 'out' as left_scope,
        arg_max(coalesce("name", source_id), order_key) as "name",
        arg_max(app_name, order_key) as app_name,
        max(occurred_at) as moved_at
    from moved_footings
    where footing in ('in', 'gone', 'out') or footing = 'problem' and status <> 'skipped'
    group by object
)
select
    case when m.left_scope then 'left' else 'came' end as turn,
    m."name",
    m.app_name,
    skip_sentence(s.kind, m."name", coalesce(m.app_name, 'the app'), s.source_type, s.attribute, s.clauses, s.reason)
        as sentence,
    m.moved_at,
    m.source_id,
    m.job_id
from lasts m
left join skips s on s.event_id = m.event_id and s.job_id is not distinct from m.job_id
order by m.moved_at desc, m."name", m.job_id, m.source_id
