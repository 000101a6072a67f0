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
with leaks as (
    select stage_of(leak) as ordinal, leak, count(*) as objects
    from last_told($since, $until)
    where ($job is null or job_id = $job) and ($tenant is null or tenant_id = $tenant)
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
