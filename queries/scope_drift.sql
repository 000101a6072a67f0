-- Did any scoping clause begin to exclude more, or fewer, than before?
--
-- Title    Scope changes
-- Topic    Scope and skips
--
-- A clause's share is judged against the days of the window before: it moved on the day on which it was furthest
-- outside three times its usual spread, and ten points at least. A day counts with five judgements or more.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $points    DOUBLE = 0.1      how far a share must move, at least
--   $least     BIGINT = 5        judgements a day, at least
--
-- Columns
--   job_id          the job
--   app_name        the application
--   clause          one of Graph's own questions, or a clause of the scoping filter
--   evaluated       how often it was judged
--   failed          how often it was not met
--   failed_share    failed of evaluated
--   verdict         moved, new, gone, or steady
--   moved_at        the day since which
--   share_before    failed of evaluated before that day; null where there is no such day
--   share_after     from that day on
with judged as (
    select job_id, clause, "day", max(app_name) as app_name, sum(evaluated) as evaluated, sum(failed) as failed
    from scope_parts
    where "day" >= date_trunc('day', $since)
        and "day" < $until
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
    group by job_id, clause, "day"
), jobs as (
    select job_id, min("day") as first_day, max("day") as last_day, list(distinct "day") as job_days
    from judged group by job_id
), shared as (
    select
        *,
        failed / evaluated as share,
        sum(failed) over earlier / sum(evaluated) over earlier as usual,
        coalesce(stddev_samp(failed / evaluated) over earlier, 0) as spread,
        count(*) over earlier as days_before
    from judged
    window earlier as (partition by job_id, clause order by "day" rows between unbounded preceding and 1 preceding)
), outside as (
    select job_id, clause, "day", abs(share - usual)
        / greatest(sqrt(usual * (1 - usual) / evaluated + spread * spread), 0.0001) as times
    from shared
    where days_before >= 3 and evaluated >= $least and abs(share - usual) >= $points
), moved as (
    select job_id, clause, arg_max("day", times) as moved_at from outside where times >= 3 group by job_id, clause
), verdicts as (
    select
        j.job_id,
        max(j.app_name) as app_name,
        j.clause,
        sum(j.evaluated)::bigint as evaluated,
        sum(j.failed)::bigint as failed,
        sum(j.failed) / sum(j.evaluated) as failed_share,
        case
            when min(j."day") > any_value(b.first_day) + interval 2 day then 'new'
            when len(list_filter(any_value(b.job_days), lambda d: d > max(j."day"))) >= 3 then 'gone'
            when any_value(m.moved_at) is not null then 'moved' else 'steady'
        end as verdict,
        min(j."day") as first_day, max(j."day") as last_day, any_value(m.moved_at) as moved_at,
        sum(j.failed) filter (where j."day" < m.moved_at)
            / sum(j.evaluated) filter (where j."day" < m.moved_at) as before,
        sum(j.failed) filter (where j."day" >= m.moved_at)
            / sum(j.evaluated) filter (where j."day" >= m.moved_at) as after
    from judged j
    join jobs b using (job_id)
    left join moved m on m.job_id = j.job_id and m.clause = j.clause
    group by j.job_id, j.clause
)
select job_id, app_name, clause, evaluated, failed, failed_share, verdict,
    case verdict when 'new' then first_day when 'gone' then last_day + interval 1 day when 'moved' then moved_at end
        as moved_at,
    case when verdict = 'moved' then before when verdict = 'gone' then failed_share end as share_before,
    case when verdict = 'moved' then after when verdict = 'new' then failed_share end as share_after
from verdicts
order by verdict = 'steady', failed desc, app_name, clause, job_id
