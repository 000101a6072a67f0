-- Which request of the job to its app failed first, and which was the last successful one?
--
-- Title    First failure, last success
-- Topic    Cycles and quarantine
--
-- From the app's own log, to the minute. A request fails here if it was rejected (401, 403), if the app failed (500 and
-- more), or if a search was answered 400 or 404, where SCIM requires an empty list. Failures of one object, such as a
-- conflict, do not count. A column shows whether the log names its app; where it does not, the ids in it identify it.
--
-- Parameters
--   $at       TIMESTAMP        the instant asked about
--   $job      VARCHAR          the job's id
--   $days     BIGINT = 60      how far back is looked
--
-- Columns
--   what           last good (before the trouble), first failing, newest failing, or good again (after it)
--   occurred_at    when it was
--   method         GET, POST, PATCH, PUT or DELETE
--   path           what was asked for
--   filter         what was searched for
--   http_status    what was answered
--   detail         the app's words
--   refused        whether it was refused for its credentials
--   is_search      whether it was a search
--   named          whether the log names the app
--   failing        failing calls since the last good one
with app_ids as materialized (
    select app_id from app_jobs where job_id = $job
    union
    select arg_max(app_id, order_key) from footings
    where job_id = $job and occurred_at <= $at and occurred_at > $at - to_days($days::integer)
), calls as materialized (
    select occurred_at, is_good, is_failing
    from (
        select
            occurred_at,
            http_status between 200 and 299 as is_good,
            http_status in (401, 403) or http_status >= 500
                or (http_status in (400, 404) and "method" = 'GET' and "filter" is not null) as is_failing
        from entra_calls($at::timestamp - to_days($days::integer), $at::timestamp)
        where app_id in (select app_id from app_ids)
    )
    where is_good or is_failing
), run as (
    select newest_at, max(occurred_at) filter (where is_good and coalesce(occurred_at < newest_at, true)) as good_at
    from calls cross join (select max(occurred_at) filter (where is_failing) as newest_at from calls)
    group by newest_at
), instants as (
    select
        r.newest_at,
        r.good_at,
        min(c.occurred_at) filter (where c.is_failing and coalesce(c.occurred_at > r.good_at, true)) as failing_at,
        min(c.occurred_at) filter (where c.is_good and c.occurred_at > r.newest_at) as again_at,
        count(*) filter (where c.is_failing and coalesce(c.occurred_at > r.good_at, true)) as failing
    from calls c cross join run r
    group by r.newest_at, r.good_at
), calls_then as (
    -- All columns are read of the few calls at these instants.
    select
        *,
        http_status in (401, 403) as refused,
        "method" = 'GET' and "filter" is not null as is_search,
        is_named as named,
        http_status between 200 and 299 as is_good,
        http_status in (401, 403) or http_status >= 500 or (is_search and http_status in (400, 404)) as is_failing
    from entra_calls($at::timestamp - to_days($days::integer), $at::timestamp)
    where occurred_at in (select unnest([newest_at, good_at, failing_at, again_at]) from instants limit 4)
        and app_id in (select app_id from app_ids)
), marked_calls as (
    select
        c.*,
        i.failing,
        case
            when c.is_failing and coalesce(c.occurred_at > i.good_at, true) then 'failing'
            when c.is_good and c.occurred_at > i.newest_at then 'good again'
            when c.is_good and c.occurred_at = i.good_at then 'last good'
        end as what
    from calls_then c cross join instants i
), counted as (
    select *, row_number() over (partition by what order by occurred_at, exchange_id) as nth,
        count(*) over (partition by what) as every
    from marked_calls
    where what is not null
)
select
    case when what = 'failing' then if(nth = 1, 'first failing', 'newest failing') else what end as what,
    occurred_at,
    "method",
    "path",
    "filter",
    http_status,
    detail,
    refused,
    is_search,
    named,
    failing
from counted
where (what = 'failing' and nth in (1, every))
    or (what = 'good again' and nth = 1)
    or (what = 'last good' and nth = every)
order by occurred_at, what, exchange_id
