-- How far did everybody get whom a cycle looked at, and where did the others leave?
--
-- An object counts once in each job, by its last event of the window. The stages are those of one cycle's funnel;
-- whether the app heard of what was exported is asked of its own log.
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
with stages as (
    from (values (1, 'seen'), (2, 'in scope'), (3, 'matched'), (4, 'changed'), (5, 'exported')) as t(ordinal, stage)
), lasts as (
    select
        job_id,
        arg_max({'event_id': event_id, 'action': "action", 'status': status, 'skip_reason': skip_reason,
            'error_code': error_code}, order_of(occurred_at, event_id)) as told
    from events
    where occurred_at >= $since
        and occurred_at < $until
        and source_id is not null
        and ($job is null or job_id = $job)
        and ($tenant is null or tenant_id = $tenant)
    group by job_id, source_id
), ends as (
    select coalesce(leak_of(l.told."action", l.told.status, l.told.skip_reason, l.told.error_code,
        [{'type': p.step_type, 'status': 'failure'}]), '') as leak
    from lasts l
    left join problems p on p.event_id = l.told.event_id and p.job_id is not distinct from l.job_id
), leaks as (
    select
        case
            when leak = '' then 6
            when leak in ('out of scope', 'import failed', 'scoping failed') then 2
            when leak = 'matching failed' then 3
            when leak in ('held back', 'unresolved reference', 'export failed') then 5
            else 4
        end as ordinal,
        leak,
        count(*) as objects
    from ends
    group by leak
)
select
    s.ordinal,
    s.stage,
    null as leak,
    coalesce(sum(l.objects), 0)::bigint as objects
from stages s
left join leaks l on l.ordinal > s.ordinal
where exists (from leaks)
group by s.ordinal, s.stage
union all
select s.ordinal, s.stage, l.leak, l.objects
from leaks l
join stages s on s.ordinal = l.ordinal
order by ordinal, leak nulls first
