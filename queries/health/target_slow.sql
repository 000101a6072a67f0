-- Has the app become slow, or does it throttle more than before?
--
-- Title    Slow or throttled app
-- Topic    SCIM traffic
--
-- Parameters
--   $at       TIMESTAMP[]                    the instants asked about
--   $hours    BIGINT = 6                     hours looked back
--   $times    DOUBLE = 2, closes at 1.5      times the week before, at least
--   $least    BIGINT = 20                    requests in those hours, at least
--   $floor    BIGINT = 500                   milliseconds below which no app is called slow
--
-- Severity
--   warning
--
-- Needs
--   exchanges 6 hours
--
-- Fires
--   when at least `least` requests came in the last `hours` hours, and 95 of 100 take up to `times` times as long as
--   in the week before and at least `floor` ms, or the share throttled with 429 is `times` times as high and at least
--   5%.
--
-- Silent
--   where the app's log is not collected or has no durations; on Entra's own connection tests, which are left out.
--
-- Do
--   Contact the app's operator: cycles take longer, and throttled requests are retried later. There is nothing to
--   change in Entra.
--
-- Columns
--   as_of               the instant asked about
--   subject             the app whose log it is
--   since               the first of these requests
--   summary             the sentence
--   app_name            the application
--   job_id              the job
--   requests            requests in these hours
--   p95_ms              95% of requests took at most this long
--   usual_p95_ms        the same in the week before
--   throttled_share     share answered 429
--   usual_throttled     the same in the week before
--   unknown             what data is missing
--   unwatched           why there is nothing to compare with
with calls as materialized (
    select coalesce(app_id, '') as app_id, occurred_at, duration_ms, http_status = 429 as throttled
    from app_calls
    where occurred_at <= list_max($at::timestamp[])
        and occurred_at > list_min($at::timestamp[]) - to_hours($hours) - interval 7 day
        and not regexp_matches(coalesce("filter", ''), '"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"')
), lately as materialized (
    select
        i.as_of,
        c.app_id,
        min(c.occurred_at) as since,
        count(*) as requests,
        quantile_cont(c.duration_ms, 0.95) as p95_ms,
        avg(c.throttled::integer) as throttled_share
    from (select unnest($at::timestamp[]) as as_of) i
    join calls c on c.occurred_at <= i.as_of and c.occurred_at > i.as_of - to_hours($hours)
    group by i.as_of, c.app_id
    -- Only of these the week before is looked at, which is long.
    having count(*) >= $least and (p95_ms is null or p95_ms >= $floor or throttled_share >= 0.05)
), usual as (
    select
        l.as_of,
        l.app_id,
        count(*) as before,
        quantile_cont(c.duration_ms, 0.95) as usual_p95_ms,
        avg(c.throttled::integer) as usual_throttled
    from lately l
    join calls c on c.app_id = l.app_id and c.occurred_at <= l.as_of - to_hours($hours)
        and c.occurred_at > l.as_of - to_hours($hours) - interval 7 day
    group by l.as_of, l.app_id
)
select
    m.as_of,
    coalesce(n.job_id, nullif(m.app_id, ''), 'SCIM requests') as subject,
    m.since,
    coalesce(w.app_name, nullif(m.app_id, ''), 'The app') || case
        when m.throttled_share >= 0.05 and m.throttled_share >= $times * u.usual_throttled
            then ' throttles more requests (429) than in the week before'
        else ' responds more slowly than in the week before'
    end as summary,
    coalesce(w.app_name, nullif(m.app_id, '')) as app_name,
    n.job_id,
    m.requests,
    round(m.p95_ms) as p95_ms,
    round(u.usual_p95_ms) as usual_p95_ms,
    round(m.throttled_share, 3) as throttled_share,
    round(u.usual_throttled, 3) as usual_throttled,
    case
        when m.throttled_share >= 0.05 and m.throttled_share >= $times * u.usual_throttled and u.before >= $least
            then null
        when coalesce(u.before, 0) >= $least and m.p95_ms is null and u.usual_p95_ms is not null
            then 'The log has no durations any more'
    end as unknown,
    case
        when coalesce(u.before, 0) < $least then 'The week before has too few requests to compare with'
    end as unwatched
from lately m
left join usual u on u.as_of = m.as_of and u.app_id = m.app_id
left join app_jobs n on n.app_id = m.app_id
left join app_names w on w.app_id = m.app_id
where unknown is not null or unwatched is not null
    or (m.p95_ms >= $floor and m.p95_ms >= $times * u.usual_p95_ms)
    or (m.throttled_share >= 0.05 and m.throttled_share >= $times * u.usual_throttled)
order by m.as_of, m.since, subject
