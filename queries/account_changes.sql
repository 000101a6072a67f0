-- Since when is each account of a person or group what it is, and under which names was it known?
--
-- Title    Account history
-- Topic    Users and groups
--
-- One row is one value of one fact, from the event that first showed it until another value was shown. An account that
-- is made after a delete is another account, with another id in the app.
--
-- Parameters
--   $object    VARCHAR    the object's id in Entra
--
-- Columns
--   app_name    the application
--   fact        account, scope, UPN, display name or target id
--   value       active, disabled, deleted, absent or unknown; in or out; or the name or id
--   since       the event's time
--   until       when another value was shown; null for the newest
--   event_id    the event that shows it
--   job_id      the job
with own as materialized (
    select * from events where source_id = $object
), narrow as materialized (
    from narrow_events('own')
), step_facts as materialized (
    from step_facts_of('narrow')
), spine as materialized (
    from spine_rows('narrow', 'step_facts')
), spelled as (
    select *, account in ('absent', 'unknown') as fails,
        case when not coalesce(fails, true) then account
            when footing = 'in' and removal is null and left_as is null then 'active' end as known
    from spine
), shown as (
    -- A create that fails takes no account away.
    select o.event_id, o.job_id, o.app_name, o.occurred_at, o.upn, o.source_name, o.target_id, s.order_key, s."scope",
        case
            when s.fails then case when coalesce(last_value(s.known ignore nulls) over earlier, 'deleted') = 'deleted'
                then coalesce(max(s.account) filter (where s.account = 'unknown') over earlier, s.account) end
            when s.account is null and last_value(s.known ignore nulls) over earlier <> 'deleted' then null
            else s.known
        end as account
    from own o
    join spelled s on s.job_id is not distinct from o.job_id
        and s.order_key = order_of(o.occurred_at, o.event_id, o."action", o.status)
    window earlier as (
        partition by o.job_id order by s.order_key rows between unbounded preceding and 1 preceding)
), facts as (
    select *
    from (
        select event_id, job_id, app_name, occurred_at, order_key, unnest([
            {'fact': 'account', 'value': account}, {'fact': 'scope', 'value': "scope"}, {'fact': 'UPN', 'value': upn},
            {'fact': 'display name', 'value': source_name}, {'fact': 'target id', 'value': target_id}
        ], recursive := true)
        from shown
    )
    where "value" is not null
    qualify "value" is distinct from lag("value") over (partition by job_id, fact order by order_key)
)
select
    name_of_job(app_name, job_id) as app_name,
    fact,
    "value",
    occurred_at as since,
    lead(occurred_at) over (partition by job_id, fact order by order_key) as until,
    event_id,
    job_id
from facts
order by app_name, job_id, fact, order_key
