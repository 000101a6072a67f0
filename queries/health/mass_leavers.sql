-- Are many more people being removed than usual?
--
-- Parameters
--   $at         TIMESTAMP                      the instant asked about
--   $hours      BIGINT = 24                    how far back
--   $share      DOUBLE = 0.5, closes at 0.3    share of the job's deletion threshold
--   $times      DOUBLE = 3, closes at 2        how many times its busiest day of the weeks before
--   $least      BIGINT = 5                     removals, at least
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--
-- Fires
--   when disables, deletes and staged deletes of the last `hours` reach `share` of the deletion threshold, or are
--   `times` as many as on the busiest day of the four weeks before. Entra counts within one cycle; a day is looked at
--   here, so that a wave of several cycles shows as well.
--
-- Silent
--   on a job without a deletion threshold in its first week, which has no usual; when few are removed.
--
-- Do
--   Look at what the removed people share before Entra reaches the threshold: a group that was emptied, a scoping
--   filter that was changed. At the threshold the job is quarantined and the deletes are staged until somebody allows
--   them.
--
-- Page
--   quarantine
--
-- Columns
--   subject         the job
--   since           the first of these removals
--   summary         the sentence
--   app_name        the application
--   job_id          the job
--   leavers         people disabled, deleted or staged
--   busiest_day     the most on one day of the four weeks before
--   threshold       the job's deletion threshold
--   in_one_cycle    the most of them in one cycle, which is what Entra holds against the threshold
--   severity        critical where one cycle has reached the threshold
--   people          up to ten names
with removed as (
    select
        job_id,
        app_name,
        cycle_id,
        source_id,
        coalesce(upn, source_name, source_id) as "name",
        occurred_at,
        (epoch($at::timestamp) - epoch(occurred_at))::bigint // ($hours * 3600) as ago
    from events
    where "action" in ('disable', 'delete', 'stagedDelete') and status <> 'skipped'
        and occurred_at <= $at and occurred_at > $at - interval 28 day
), usual as (
    select job_id, max(leavers) as busiest_day
    from (select job_id, ago, count(distinct source_id) as leavers from removed where ago > 0 group by job_id, ago)
    group by job_id
), gathered as (
    select job_id, max(leavers) as in_one_cycle
    from (select job_id, cycle_id, count(distinct source_id) as leavers from removed where ago = 0 group by all)
    group by job_id
), thresholds as (
    select job_id, arg_max(deletion_threshold, observed_at) as threshold
    from job_snapshots
    where observed_at <= $at
    group by job_id
), job_starts as (
    select job_id, min(began_at) as began_at from cycles group by job_id
)
select
    r.job_id as subject,
    min(r.occurred_at) as since,
    coalesce(max(r.app_name), r.job_id) || case
        when any_value(g.in_one_cycle) >= any_value(k.threshold)
            then ': one cycle reached the deletion threshold, so Entra quarantines the job and stages the deletes'
        else ': many more people are removed than usual'
    end as summary,
    max(r.app_name) as app_name,
    r.job_id,
    count(distinct r.source_id) as leavers,
    any_value(u.busiest_day) as busiest_day,
    any_value(k.threshold) as threshold,
    any_value(g.in_one_cycle) as in_one_cycle,
    case when any_value(g.in_one_cycle) >= any_value(k.threshold) then 'critical' else 'warning' end as severity,
    list_sort(list(distinct r."name"))[:10] as people
from removed r
left join usual u on u.job_id = r.job_id
left join gathered g on g.job_id = r.job_id
left join thresholds k on k.job_id = r.job_id
left join job_starts b on b.job_id = r.job_id
where r.ago = 0
group by r.job_id
having count(distinct r.source_id) >= $least
    and (
        count(distinct r.source_id) >= $share * any_value(k.threshold)
        or any_value(b.began_at) <= $at - interval 7 day
            and count(distinct r.source_id) >= $times * greatest(coalesce(any_value(u.busiest_day), 0), 1)
    )
order by leavers desc, subject
