-- How did each object fare in this cycle, and how in the one it is compared with?
--
-- Title    Outcomes compared between cycles
-- Topic    Cycles and quarantine
--
-- An object counts once a cycle, by its last event there; how it fared is exported or the name of its leak, as in the
-- funnel. The counts make up all objects that either cycle has.
--
-- Parameters
--   $job      VARCHAR      the job's id
--   $cycle    VARCHAR      the cycle's id
--   $with     VARCHAR      the id of the cycle it is compared with, of the same job
--   $since    TIMESTAMP    start of a window that holds both cycles, inclusive
--   $until    TIMESTAMP    end of that window, exclusive
--
-- Columns
--   there      how it fared in the cycle compared with; absent where that cycle did not see it
--   here       how it fared in this cycle; absent likewise
--   objects    distinct objects
--   needs      whether either of the two is a failure or a skip that needs action
with ends as (
    select
        cycle_id,
        source_id,
        arg_max(
            coalesce(leak_of("action", status, skip_reason, error_code, steps), 'exported'),
            order_of(occurred_at, event_id, "action", status)
        ) as fared
    from events
    where job_id = $job
        and cycle_id in ($cycle, $with)
        and occurred_at >= $since
        and occurred_at < $until
        and source_id is not null
    group by cycle_id, source_id
), pairs as (
    select
        coalesce(max(fared) filter (where cycle_id = $with), 'absent') as there,
        coalesce(max(fared) filter (where cycle_id = $cycle), 'absent') as here
    from ends
    group by source_id
)
select
    there,
    here,
    count(*) as objects,
    not (there in ('exported', 'nothing to change', 'out of scope', 'absent')
        and here in ('exported', 'nothing to change', 'out of scope', 'absent')) as needs
from pairs
group by there, here
order by needs desc, objects desc, there, here
