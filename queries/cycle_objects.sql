-- Which users and groups are behind a number of this cycle?
--
-- Title    Users and groups by outcome
-- Topic    Cycles and quarantine
--
-- Objects by their last event in the cycle, those that need attention first. The outcome is exported or the name of the
-- leak, as in the funnel; compared with another cycle, the outcome there is beside it.
--
-- Parameters
--   $job       VARCHAR           the job's id
--   $cycle     VARCHAR           the cycle's id
--   $since     TIMESTAMP         start of a window that holds the cycle, or both, inclusive
--   $until     TIMESTAMP         end of that window, exclusive
--   $with      VARCHAR = null    the id of a cycle to compare with, of the same job
--   $here      VARCHAR = null    only who fared so in this cycle: exported, absent or a leak; several with a comma
--   $there     VARCHAR = null    only who fared so in the cycle compared with
--   $limit     BIGINT = 200      how many at most
--
-- Columns
--   name           the object's UPN, else its display name
--   here           how it fared in this cycle
--   there          how it fared in the cycle compared with; null where none was given
--   action         the requested action
--   error_code     why it failed
--   skip_reason    why it was skipped
--   occurred_at    its last event, in this cycle if it has one there
--   reason         the log's own words
--   source_id      the object's id in Entra
--   event_id       that event
--   job_id         the job
with ends as (
    select
        *,
        coalesce(leak_of("action", status, skip_reason, error_code, steps), 'exported') as fared
    from events
    where job_id = $job
        and (cycle_id = $cycle or cycle_id = $with)
        and occurred_at >= $since
        and occurred_at < $until
        and source_id is not null
    qualify row_number() over (
        partition by cycle_id, source_id order by order_of(occurred_at, event_id, "action", status) desc) = 1
), paired as (
    select
        *,
        coalesce(max(fared) filter (where cycle_id = $cycle) over (partition by source_id), 'absent') as here,
        case when $with is not null
            then coalesce(max(fared) filter (where cycle_id = $with) over (partition by source_id), 'absent')
        end as there
    from ends
    qualify row_number() over (partition by source_id order by cycle_id is not distinct from $cycle desc) = 1
)
select
    coalesce(upn, source_name, source_id) as name,
    here,
    there,
    "action",
    error_code,
    skip_reason,
    occurred_at,
    reason,
    source_id,
    event_id,
    job_id
from paired
where ($here is null or list_contains(string_split($here, ','), here)) and ($there is null or there = $there)
order by here in ('exported', 'nothing to change', 'out of scope'), here, occurred_at desc, event_id
limit $limit
