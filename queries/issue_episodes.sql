-- How did this issue come and go?
--
-- Title    Issue history
-- Topic    Failures and issues
--
-- An episode ends when no retry is pending; what comes back after three quiet cycles or more begins another.
--
-- Parameters
--   $job      VARCHAR        the job
--   $issue    VARCHAR        the issue's fingerprint
--   $until    TIMESTAMP      as of when
--
-- Columns
--   episode     its number
--   began_at    when the first of it was hit
--   ended_at    when the last of it was settled; null while a retry is pending
--   people      users and groups affected
--   most        how many waited at once, at most
--   cycles      completed cycles of the job during it
with waits as (
    select * from problem_waits($until, only_issue := $issue) where job_id = $job and fingerprint = $issue
), steps as (
    select episode, since as moment, source_id, 1 as step from waits
    union all
    select episode, until, source_id, -1 from waits where until is not null
), counted as (
    select episode, sum(step) over (partition by episode order by moment, step, source_id) as waiting from steps
), tops as (
    select episode, max(waiting)::bigint as most from counted group by episode
), episodes as (
    select
        episode,
        min(since) as began_at,
        case when count(*) = count(until) then max(until) end as ended_at,
        count(distinct source_id) as people
    from waits
    group by episode
), done as (
    select ended_at from cycles where job_id = $job and ended_at < $until
)
select
    t.episode,
    t.began_at,
    t.ended_at,
    t.people,
    tops.most,
    count(o.ended_at) as cycles
from episodes t
join tops using (episode)
left join done o on o.ended_at >= t.began_at and o.ended_at <= coalesce(t.ended_at, $until)
group by all
order by t.episode desc
