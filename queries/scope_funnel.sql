-- How far did the evaluated objects get, and where did the others leave?
--
-- Title    Provisioning funnel
-- Topic    Scope and skips
--
-- An object counts once in each job, by its last event of the window. The stages are those of one cycle's funnel;
-- whether the app received what was exported is looked up in its own log.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   ordinal    the stage's place, from 1
--   stage      seen, in scope, matched, changed or exported
--   leak       why objects did not reach the stage; null in the line of those that did
--   objects    distinct objects
with chosen_events as (
    select
        object_number(job_id, source_id) as object,
        order_of(occurred_at, event_id, "action", status) as order_key,
        coalesce(leak_of("action", status, skip_reason, error_code, []::struct("type" varchar, status varchar)[]), '')
            as leak
    from events
    where occurred_at >= $since
        and occurred_at < $until
        and source_id is not null
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
), lasts as (
    select object, max(order_key) as order_key, arg_max(leak, order_key) as leak from chosen_events group by object
), leaks as (
    -- At which step a failure left is told by problems, so that no steps are read.
    select
        stage_of(leak) as ordinal,
        leak,
        count(*) as objects
    from (
        select case when p.order_key is null then l.leak
            else leak_of(p."action", p.status, null, p.code, [{'type': p.step_type, 'status': 'failure'}]) end as leak
        from lasts l
        left join (
            select * from problems where status = 'failure'
        ) p on p.object = l.object and p.order_key = l.order_key
    )
    group by leak
)
select
    s.ordinal,
    s.stage,
    null as leak,
    coalesce(sum(l.objects), 0)::bigint as objects
from funnel_stages s
left join leaks l on l.ordinal > s.ordinal
where exists (from leaks)
group by s.ordinal, s.stage
union all
select s.ordinal, s.stage, l.leak, l.objects
from leaks l
join funnel_stages s on s.ordinal = l.ordinal
order by ordinal, leak nulls first
