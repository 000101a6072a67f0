-- Will a job soon cross one of Microsoft's limits into quarantine?
--
-- Title    Approaching quarantine
-- Topic    Cycles and quarantine
--
-- Parameters
--   $at           TIMESTAMP[]                  the instants asked about
--   $cycles       BIGINT = 3, closes at 5      cycles left at the present trend, at most
--   $least        BIGINT = 5000                failures from which the share counts
--   $part         DOUBLE = 0.4                 the share that is too much
--   $most         BIGINT = 40000               failures that are too many, references left out
--   $altogether   BIGINT = 60000               failures that are too many, references with them
--
-- Severity
--   critical
--
-- Needs
--   events 24 hours
--   jobs 24 hours where first_cycle is true
--
-- Explained by
--   quarantined
--
-- Fires
--   when a quarantine limit is crossed, or will be within `cycles` cycles at the trend of the last twelve. A first
--   cycle has no earlier ones: its failures so far are projected to its end by the share that Graph reports as done.
--   Microsoft calls its limits approximate and does not document the period that they cover; pending retries are
--   counted.
--
-- Silent
--   on later jobs with fewer than three cycles; in the first twentieth of a first cycle; on tenants with fewer users
--   and groups than the limits; on a rejected token, which ends in quarantine at any count, and on deletions:
--   failing_runs, token_refused, token_due and mass_leavers cover those.
--
-- Do
--   Open the app's page: it shows which limit is near. Fix the most frequent error; the next retry clears its
--   failures. Do not restart the job for it.
--
-- Page
--   quarantine
--
-- Columns
--   as_of          the instant asked about
--   subject        the job
--   since          the oldest pending failure
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   measure        the limit: share, count or total
--   reached        failures that count towards it
--   at_most        the number that crosses it
--   cycles_left    cycles left; 0 where it is crossed, 1 where a first cycle will cross it before its end
--   crosses_at     when that is
--   first_cycle    whether it is a first cycle, whose progress Graph reports
with statuses as (
    select job_id, observed_at, completed_units / nullif(total_units, 0) as done_share, steady_since
    from job_snapshots
    where observed_at <= list_max($at::timestamp[])
    qualify row_number() over (partition by job_id, observed_at order by snapshot_id) = 1
), projections as (
    select
        h.*,
        h.whole or f.job_id is not null and f.steady_since is null as first_cycle,
        coalesce(f.steady_since is null and f.done_share >= 0.05 and h.reached / f.done_share >= case h.measure
            when 'share' then greatest($least, floor($part / (1 - $part) * h.succeeded / f.done_share) + 1)
            else h.at_most
        end, false) as crosses_in_it
    from headrooms_at($at::timestamp[], least := $least, part := $part, most := $most, altogether := $altogether) h
    asof left join statuses f on f.job_id = h.job_id and h.as_of >= f.observed_at
)
select
    as_of,
    job_id as subject,
    coalesce(oldest_at, as_of) as since,
    app_name || case
        when first_cycle then ': at this failure rate Entra will clear the failures and pause the first cycle'
        else ': at this failure rate the job will be quarantined'
    end as summary,
    app_name,
    job_id,
    measure,
    reached,
    at_most,
    case when crosses_in_it and cycles_left is distinct from 0 then 1 else cycles_left end as cycles_left,
    crosses_at,
    first_cycle
from projections
where (cycles_left <= $cycles or crosses_in_it)
    and (as_of, job_id) not in (select (r.as_of, r.job_id) from replaced_jobs($at::timestamp[]) r)
qualify row_number() over (partition by as_of, job_id order by cycles_left nulls last, measure) = 1
order by as_of, cycles_left, subject
