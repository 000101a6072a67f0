-- Does each job keep its schedule, and how far is the running cycle?
--
-- Title    Cycle progress and schedule
-- Topic    Cycles and quarantine
--
-- Only what was known at the instant asked about counts, so that a day can be replayed. What is unknown is null: no bar
-- without an end, no end of an incremental cycle without five past ones to compare with. A running initial cycle always
-- has an estimate: of assigned objects when Graph counted them, else from pages, else from the time that has passed.
-- Pages and objects are two measures: a page holds several objects, and pages are not proportional to them. running: a
-- cycle is running. stalled: it makes no progress. on_time: the next cycle is not due yet, or within the grace. late,
-- dead: one cycle is missing, or two. paused, disabled, quarantined, never_run: as Graph reports. unknown: no job
-- status, or no recent one.
-- What was so when the data ended may be over by now. With $now a running cycle is unknown once its newest status is
-- older than an interval, or the likely end has passed, and so is a job whose next run is overdue by then. The other
-- columns stay as of $as_of.
--
-- Parameters
--   $as_of    TIMESTAMP         the present, or a moment to go back to
--   $grace    BIGINT = 1200     seconds that a run may be late
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--   $now      TIMESTAMP = null  the present, where nothing newer comes by itself; null where it does
--
-- Columns
--   job_id              the job
--   tenant_id           its tenant
--   app_name            the application it provisions
--   rhythm              running, stalled, on_time, late, dead, paused, disabled, quarantined, never_run or unknown
--   since               since when it is so
--   due_at              when the next run is due, or was
--   interval_s          seconds between two runs
--   explanation         the same in a sentence
--   observed_at         when Graph last reported on the job
--   cycle_id            the running cycle; null also while it has no event
--   kind                initial, restarted or incremental
--   began_at            when it was first seen
--   phase               import, export, references or unknown: what its latest events ended with
--   objects_done        distinct objects with an event in it
--   objects_expected    how many it will be; null where nothing shows it
--   expected_from       what that is based on
--   objects_share       done of expected
--   pages_done          pages done, as Graph reports them
--   pages_total         pages that Graph knows of
--   pages_share         the largest share of them that was reported so far
--   page_unit           what Graph calls them
--   per_minute          objects a minute since it began
--   usual_per_minute    objects a minute in past cycles of its kind
--   ends_low_at         in four of five cases it ends between this instant
--   ends_at             half of the like ended before this one
--   ends_high_at        and this one
--   ends_from           what that is based on
--   stalled_since       since when nothing moves
--   progress_share      how far an initial or restarted cycle has come; it never falls, and is below 1 until the end
--   progress_from       what that is based on, or what is missing
select
    job_id,
    tenant_id,
    app_name,
    case when is_stale then 'unknown' else rhythm end as rhythm,
    case when is_stale then observed_at else since end as since,
    due_at,
    interval_s,
    case
        when is_stale and under_way
            then 'A cycle was running at ' || instant_of(observed_at) || ', and its outcome is unknown.'
        when is_stale
            then 'The last cycle ended ' || instant_of(last_ended_at) || ', and it is unknown whether another followed.'
        else explanation
    end as explanation,
    observed_at,
    cycle_id,
    kind,
    began_at,
    phase,
    objects as objects_done,
    objects_expected,
    expected_from,
    objects / objects_expected as objects_share,
    case when under_way then done end as pages_done,
    case when under_way then total end as pages_total,
    case when under_way then "share" end as pages_share,
    case when under_way then unit end as page_unit,
    per_minute,
    usual_per_minute,
    ends_low_at,
    ends_at,
    ends_high_at,
    ends_from,
    case when rhythm = 'stalled' and not is_stale then moving_at end as stalled_since,
    progress_share,
    progress_from
from (
    select
        *,
        coalesce($now::timestamp > case
            when under_way then least(
                greatest(observed_at, last_event_at) + to_seconds(greatest(interval_s, $grace)),
                case when ends_high_at is not null
                    then greatest(ends_high_at, $as_of::timestamp + interval 1 minute) end)
            when rhythm = 'on_time' then late_at
        end, false) as is_stale
    from expectations($as_of::timestamp, $grace)
)
where ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
order by coalesce(under_way, false) desc, app_name, job_id
