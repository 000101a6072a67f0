-- How far did the objects of this cycle get, and where did the others leave?
--
-- Title    Cycle funnel
-- Topic    Cycles and quarantine
--
-- An object counts once, by its last event in the cycle. It was *seen* if it has one. It is *in scope* unless it was
-- skipped for its scope, or its import or scoping failed. It is *matched* (found in the app, or known to be new) unless
-- matching failed. It is *changed* unless there was nothing to change, a value did not validate or processing failed.
-- It is *exported* if the app took it, with or without a warning. So what reaches a stage and what leaks before it make
-- up what reached the stage above it. Steps of one kind can come in another order; the stages keep theirs.
--
-- Parameters
--   $job      VARCHAR      the job's id
--   $cycle    VARCHAR      the cycle's id
--   $since    TIMESTAMP    start of a window that holds the cycle, inclusive
--   $until    TIMESTAMP    end of that window, exclusive
--
-- Columns
--   ordinal    the stage's place, from 1
--   stage      seen, in scope, matched, changed or exported
--   leak       why objects did not reach the stage; null in the line of those that did
--   objects    distinct objects
with ends as (
    select
        arg_max(
            coalesce(leak_of("action", status, skip_reason, error_code, steps), ''),
            order_of(occurred_at, event_id, "action", status)
        ) as leak
    from events
    where job_id = $job
        and cycle_id = $cycle
        and occurred_at >= $since
        and occurred_at < $until
        and source_id is not null
    group by source_id
), leaks as (
    select stage_of(leak) as ordinal, leak, count(*) as objects
    from ends
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
