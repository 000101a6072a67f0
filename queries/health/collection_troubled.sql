-- Is our own collection in trouble?
--
-- Title    Data collection problems
-- Topic    Data coverage
--
-- Parameters
--   $at       TIMESTAMP[]                   the instants asked about
--   $least    BIGINT = 3, closes at 1       failures in a row, at least
--
-- Severity
--   warning
--
-- Fires
--   when a tenant's feed failed `least` times in a row, or lines were rejected in the last day.
--
-- Silent
--   when the pipeline does not run at all; the pipeline health in the header reports that.
--
-- Do
--   For a feed: its message gives the cause and the fix. For rejected lines: Data sources lists each line with its
--   reason.
--
-- Columns
--   as_of       the instant asked about
--   subject     the feed, or the rejects
--   since       when it last succeeded, or the first reject of the day
--   summary     the sentence
--   app_name    always null
--   job_id      always null
--   failures    failures in a row, or lines rejected
--   detail      the problem
--   feed        the feed; null for rejects
--   unwatched   why there is nothing to check
with instants as (
    select unnest($at::timestamp[]) as as_of
), readings as (
    select rejected_at as read_at from rejects
    union
    select read_at from coverage where read_at is not null
), quiet_instants as (
    select i.as_of
    from instants i
    asof left join readings r on i.as_of >= r.read_at
    where coalesce(r.read_at <= i.as_of - interval 1 day, true)
)
select
    i.as_of,
    c.tenant || '/' || c.feed as subject,
    coalesce(c.reached_at, c.tried_at) as since,
    c.tenant || ': ' || c.feed || ' cannot be read' as summary,
    null::varchar as app_name,
    null::varchar as job_id,
    c.failures,
    c.detail,
    c.feed,
    null::varchar as unwatched
from instants i
join contacts c on c.tried_at <= i.as_of
where c.outcome = 'failed' and c.failures >= $least
union all
select
    i.as_of,
    'rejects',
    min(r.rejected_at),
    'Lines were rejected: no known format fits',
    null,
    null,
    count(*),
    arg_max(r.reason, (r.rejected_at, r."file", r.line)),
    null,
    null
from instants i
join rejects r on r.rejected_at <= i.as_of and r.rejected_at > i.as_of - interval 1 day
where r.rejected_at <= list_max($at::timestamp[]) and r.rejected_at > list_min($at::timestamp[]) - interval 1 day
group by i.as_of
union all
select as_of, 'rejects', as_of, 'Nothing was read', null, null, null, null, null, 'Nothing was read in the last day'
from quiet_instants
order by as_of, since, subject
