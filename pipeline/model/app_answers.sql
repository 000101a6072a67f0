-- How an app answered before an instant, and what was written to it that no event reports.

-- app_answers(jobs, calls): one row per instant and job of a table with answers of its app among a table of app_calls,
-- within 30 days before the instant.
--   as_of       the instant
--   job_id      the job
--   good_at     the newest successful answer
--   refused_at  the first refusal of the token since then; null where there is none
--   down_at     the first failure of its own since then; null where there is none
create or replace macro app_answers(jobs, calls) as table
with answered as materialized (
    select k.as_of, k.job_id, k.app_id,
        case when g.occurred_at > k.as_of - interval 30 day then g.occurred_at end as good_at,
        coalesce(case when g.occurred_at > k.as_of - interval 30 day then g.occurred_at end,
            k.as_of - interval 30 day) as since
    from (
        select j.as_of, j.job_id, j.app_id
        from query_table(jobs) j
        asof join (select distinct app_id, occurred_at from query_table(calls)) c
            on c.app_id = j.app_id and j.as_of >= c.occurred_at
        where c.occurred_at > j.as_of - interval 30 day
    ) k
    asof left join (
        select distinct app_id, occurred_at from query_table(calls) where http_status between 200 and 299
    ) g on g.app_id = k.app_id and k.as_of >= g.occurred_at
)
select a.as_of, a.job_id, a.good_at,
    case when r.occurred_at <= a.as_of then r.occurred_at end as refused_at,
    case when d.occurred_at <= a.as_of then d.occurred_at end as down_at
from answered a
asof left join (
    select distinct app_id, occurred_at from query_table(calls) where http_status in (401, 403)
) r on r.app_id = a.app_id and a.since < r.occurred_at
asof left join (
    select distinct app_id, occurred_at from query_table(calls) where http_status >= 500
) d on d.app_id = a.app_id and a.since < d.occurred_at;

-- unlogged_writes(jobs, calls, grace): one row per instant and job of a table that wrote to its app after its last
-- event; calls are app_calls, of the 30 days before the instant.
--   as_of      the instant
--   job_id     the job
--   missed_at  the first write, by the app's log or by the job's status
create or replace macro unlogged_writes(jobs, calls, grace) as table
select as_of, job_id, min(written_at) as missed_at
from (
    select k.as_of, k.job_id, c.occurred_at as written_at
    from (
        select as_of, job_id, app_id,
            greatest(last_event_at + to_seconds(grace), as_of - interval 30 day) as since
        from query_table(jobs)
        where last_event_at is not null
    ) k
    asof join (
        select distinct app_id, occurred_at
        from query_table(calls)
        where http_status between 200 and 299 and "method" in ('POST', 'PUT', 'PATCH', 'DELETE')
    ) c on c.app_id = k.app_id and k.since < c.occurred_at
    where c.occurred_at <= k.as_of
    union all
    select k.as_of, k.job_id, x.ended_at
    from query_table(jobs) k
    join executions x on x.job_id = k.job_id
    where x.began_at > k.last_event_at and x.seen_at <= k.as_of and x.exported > 0
)
group by as_of, job_id;
