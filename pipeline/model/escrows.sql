-- Objects whose attempt failed and that await a retry.

-- escrows: one row per object whose attempt failed and awaits a retry, open or closed. Opened by the first failure
-- since the object was last in order; closed by a success, a warning, a redundant export (both sides match) or leaving
-- scope. Entra drops it 28 days after it opened.
--   job_id        the job
--   source_id     the object's id in Entra
--   opened_at     the first failure since it was last in order
--   closed_at     when that was settled; null while open
--   attempts      how often it failed
--   retry_at      when Entra tries again, by the newest failure
--   dropped_at    when Entra gives up; null where it is closed
--   error_code    the newest failure's code
--   is_reference  whether a reference could not be resolved
create or replace view escrows as
select
    any_value(job_id) as job_id,
    any_value(source_id) as source_id,
    min(occurred_at) filter (where not closes) as opened_at,
    min(occurred_at) filter (where closes) as closed_at,
    count(*) filter (where not closes) as attempts,
    arg_max(retry_at, order_key) filter (where not closes) as retry_at,
    case
        when count(*) filter (where closes) = 0
            then min(occurred_at) filter (where not closes) + interval 28 day
    end as dropped_at,
    arg_max(code, order_key) filter (where not closes) as error_code,
    coalesce(bool_or(is_reference) filter (where not closes), false) as is_reference
from (
    select
        *,
        count(*) filter (where closes)
            over (partition by object order by order_key rows between unbounded preceding and 1 preceding)
            as run
    from (
        -- What closes one comes after a problem, so that the object's footing changes there.
        select job_id, source_id, object, occurred_at, order_key, code, retry_at, is_reference, false as closes
        from problems
        where status = 'failure' and source_id is not null
        union all
        select job_id, source_id, object, occurred_at, order_key, null::varchar, null::timestamp, null::boolean, true
        from footings
        where footing <> 'problem' and object in (select object from problems where status = 'failure')
    )
)
group by object, run
having count(*) filter (where not closes) > 0;

-- waiting_escrows: one row per open escrow, without looking into the past of the others: failures after whatever
-- settled the object last.
--   job_id        the job
--   source_id     the object's id in Entra
--   opened_at     the first failure since it was last in order
--   attempts      how often it failed
--   retry_at      when Entra tries again, by the newest failure
--   dropped_at    when Entra gives up
--   error_code    the newest failure's code
--   is_reference  whether a reference could not be resolved
create or replace view waiting_escrows as
with settled as (
    select object, max(order_key) as order_key
    from footings
    where footing <> 'problem'
    group by object
)
select
    any_value(p.job_id) as job_id,
    any_value(p.source_id) as source_id,
    min(p.occurred_at) as opened_at,
    count(*) as attempts,
    arg_max(p.retry_at, p.order_key) as retry_at,
    min(p.occurred_at) + interval 28 day as dropped_at,
    arg_max(p.code, p.order_key) as error_code,
    coalesce(bool_or(p.is_reference), false) as is_reference
from problems p
left join settled s on s.object = p.object
where p.status = 'failure' and p.source_id is not null and coalesce(p.order_key > s.order_key, true)
group by p.object;
