-- Are many more users being removed than usual?
--
-- Title    Unusual number of removals
-- Topic    Leavers
--
-- Parameters
--   $at         TIMESTAMP[]                    the instants asked about
--   $hours      BIGINT = 24                    hours looked back
--   $share      DOUBLE = 0.5, closes at 0.3    share of the job's deletion threshold
--   $times      DOUBLE = 3, closes at 2        times its busiest day of the weeks before
--   $least      BIGINT = 5                     removals, at least
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--   jobs 24 hours where limited is true
--
-- Fires
--   when at least `least` disables, deletes and staged deletes of the last `hours` hours reach `share%` of the
--   deletion threshold, or are `times` times as many as on the busiest day of the four weeks before. Entra counts
--   within one cycle; this rule counts a day, so that a wave of several cycles shows as well.
--
-- Silent
--   on a job without a deletion threshold in its first week, which has no usual number; when few users are removed.
--
-- Do
--   Find out what the removed users share before Entra reaches the threshold: a group that was emptied, a scoping
--   filter that was changed. At the threshold Entra quarantines the job and holds the deletions until an
--   administrator allows them.
--
-- Page
--   quarantine
--
-- Columns
--   as_of           the instant asked about
--   subject         the job
--   since           the first of these removals
--   summary         the sentence
--   app_name        the application
--   job_id          the job
--   leavers         people disabled, deleted or staged
--   busiest_day     the most on one day of the four weeks before
--   threshold       the job's deletion threshold
--   in_one_cycle    the most of them in one cycle, which is what Entra holds against the threshold
--   limited         whether Graph reports a deletion threshold
--   severity        critical where one cycle has reached the threshold
--   people          up to ten names
with removed as materialized (
    select job_id, app_name, source_id, coalesce("name", source_id) as "name", occurred_at
    from footings
    where removal is not null and status <> 'skipped'
        and occurred_at <= list_max($at::timestamp[]) and occurred_at > list_min($at::timestamp[]) - interval 28 day
), days as (
    select as_of, ago, as_of - to_hours($hours * ago) as until,
        greatest(as_of - to_hours($hours * (ago + 1)), as_of - interval 28 day) as since
    from (select unnest($at::timestamp[]) as as_of)
    cross join (select unnest(range(0, (671 + $hours) // $hours)) as ago)
), counted as (
    -- Two instants a day apart share a day, which is counted once.
    select d.since, d.until, r.job_id, count(distinct r.source_id) as leavers
    from (select distinct since, until from days) d
    join removed r on r.occurred_at > d.since and r.occurred_at <= d.until
    group by d.since, d.until, r.job_id
), usual as (
    select d.as_of, c.job_id, max(c.leavers) as busiest_day
    from days d
    join counted c using (since, until)
    where d.ago > 0
    group by d.as_of, c.job_id
), gathered as (
    select as_of, job_id, max(leavers) as in_one_cycle
    from (
        select d.as_of, e.job_id, e.cycle_id, count(distinct e.source_id) as leavers
        from (from days where ago = 0) d
        join events e on e.occurred_at > d.since and e.occurred_at <= d.until
        where e."action" in ('disable', 'delete', 'stagedDelete') and e.status <> 'skipped'
            and e.occurred_at <= list_max($at::timestamp[])
            and e.occurred_at > list_min($at::timestamp[]) - to_hours($hours)
        group by d.as_of, e.job_id, e.cycle_id
    )
    group by as_of, job_id
), thresholds as (
    select job_id, observed_at, deletion_threshold as threshold from job_snapshots where deletion_threshold is not null
), judged as (
    select d.as_of, d.since, d.until, c.job_id, c.leavers, u.busiest_day, k.threshold, g.in_one_cycle
    from (from days where ago = 0) d
    join counted c using (since, until)
    left join usual u on u.as_of = d.as_of and u.job_id = c.job_id
    left join gathered g on g.as_of = d.as_of and g.job_id = c.job_id
    asof left join thresholds k on k.job_id = c.job_id and d.as_of >= k.observed_at
    where c.leavers >= $least
), job_starts as (
    select job_id, min(began_at) as began_at
    from (select job_id, began_at from cycle_parts union all select job_id, began_at from executions)
    group by job_id
)
select
    j.as_of,
    j.job_id as subject,
    min(r.occurred_at) as since,
    coalesce(max(r.app_name), job_label(j.job_id)) || case
        when j.in_one_cycle >= j.threshold
            then ': one cycle reached the deletion threshold, so Entra quarantines the job and holds the deletions'
        else ': unusually many users are being removed'
    end as summary,
    max(r.app_name) as app_name,
    j.job_id,
    j.leavers,
    j.busiest_day,
    j.threshold,
    j.in_one_cycle,
    j.threshold is not null as limited,
    case when j.in_one_cycle >= j.threshold then 'critical' else 'warning' end as severity,
    list_sort(list(distinct r."name"))[:10] as people
from judged j
left join job_starts b on b.job_id = j.job_id
join removed r on r.job_id = j.job_id and r.occurred_at > j.since and r.occurred_at <= j.until
where j.leavers >= $share * j.threshold
    or b.began_at <= j.as_of - interval 7 day and j.leavers >= $times * greatest(coalesce(j.busiest_day, 0), 1)
group by j.as_of, j.job_id, j.leavers, j.busiest_day, j.threshold, j.in_one_cycle
order by j.as_of, j.leavers desc, subject
