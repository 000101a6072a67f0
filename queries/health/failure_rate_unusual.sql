-- Does more fail than usual at this hour of the week?
--
-- Title    Unusual failure rate
-- Topic    Failures and issues
--
-- Parameters
--   $at        TIMESTAMP[]                        the instants asked about
--   $hours     BIGINT = 3                         full hours that are evaluated together
--   $weeks     BIGINT = 4                         earlier weeks that they are compared with
--   $least     BIGINT = 10                        attempts in those hours, at least
--   $points    DOUBLE = 0.2, closes at 0.1        share of attempts above the usual, at least
--
-- Severity
--   warning
--
-- Needs
--   events 3 hours
--
-- Explained by
--   token_refused
--
-- Fires
--   when at least `least` attempts were made in the last `hours` hours, and their failure rate is at least `points%`
--   of attempts above the highest rate of the same hours in the `weeks` weeks before, of which at least two have
--   data.
--
-- Silent
--   in the first two weeks of a job; with few attempts; where that failure rate is usual.
--
-- Do
--   Open Failures for these hours and compare with the same hours of last week.
--
-- Columns
--   as_of           the instant asked about
--   subject         the job
--   since           the first full hour judged
--   summary         the sentence
--   app_name        the application
--   job_id          the job
--   attempts        attempts in these hours
--   failures        failures in these hours
--   usual_share     the highest failure rate of the same hours in the weeks before
--   weeks_stored    weeks of data behind the usual rate
--   unwatched       why there is nothing to compare with
with instants as (
    select as_of, date_trunc('hour', as_of) as until, unnest(list_filter(
        range(1, $hours + 168 * $weeks + 1), lambda hour: (hour - 1) % 168 < $hours)) as hours_ago
    from (select unnest($at::timestamp[]) as as_of)
), attempted as (
    select
        job_id,
        "hour",
        max(app_name) as app_name,
        sum(events) filter (where status in ('success', 'failure')) as attempts,
        coalesce(sum(events) filter (where status = 'failure'), 0) as failures
    from hourly
    where "hour" < date_trunc('hour', list_max($at::timestamp[]))
        and "hour" >= date_trunc('hour', list_min($at::timestamp[])) - to_hours($hours) - to_days(7 * $weeks::integer)
    group by job_id, "hour"
), judged as (
    select
        i.as_of,
        a.job_id,
        max(a.app_name) as app_name,
        i.hours_ago // 168 as weeks_ago,
        sum(a.attempts) as attempts,
        sum(a.failures) as failures
    from instants i
    join attempted a on a."hour" = i.until - to_hours(i.hours_ago)
    group by i.as_of, a.job_id, weeks_ago
), usual as (
    select
        as_of,
        job_id,
        count(*) as weeks_stored,
        max(failures / attempts) as usual_share
    from judged
    where weeks_ago > 0 and attempts > 0
    group by as_of, job_id
)
select
    j.as_of,
    j.job_id as subject,
    date_trunc('hour', j.as_of) - to_hours($hours) as since,
    coalesce(j.app_name, job_label(j.job_id)) || ': the failure rate is unusually high' as summary,
    j.app_name,
    j.job_id,
    j.attempts::bigint as attempts,
    j.failures::bigint as failures,
    round(u.usual_share, 3) as usual_share,
    u.weeks_stored,
    case when coalesce(u.weeks_stored, 0) < 2 then 'Fewer than two earlier weeks have data for these hours' end
        as unwatched
from judged j
left join usual u on u.as_of = j.as_of and u.job_id = j.job_id
where j.weeks_ago = 0 and j.attempts >= $least
    and (coalesce(u.weeks_stored, 0) < 2 or j.failures / j.attempts >= u.usual_share + $points)
order by j.as_of, j.failures / j.attempts desc, subject
