-- The cycle that a job is in, as of an instant or as of many.

-- newest_snapshots(instants): one row per instant and job with its newest status at that instant.
--   as_of            the instant
--   job_snapshots.*  as in the table
--   over_at          the end of the newest run that is over; -infinity where there was none
create or replace macro newest_snapshots(instants) as table
with statuses as materialized (
    from job_snapshots
    where observed_at <= list_max(instants)
    qualify row_number() over (partition by job_id, observed_at order by snapshot_id) = 1
)
select i.as_of, s.*, coalesce(s.last_ended_at, timestamp '-infinity') as over_at
from (select unnest(instants) as as_of, job_id from (select distinct job_id from statuses)) i
asof join statuses s on s.job_id = i.job_id and i.as_of >= s.observed_at;

-- reported_pages(newest): one row per status of newest_snapshots of whose run a status gave pages.
--   job_id          the job
--   status_at       the status
--   first_at        the first status with pages
--   reported_at     the newest
--   moved_at        the newest with more pages than before
--   done            pages done
--   total           pages to do, by the newest
--   share           the largest share of pages done
--   reported_share  the newest share of pages done
--   unit            what a page is
--   polls_since     statuses since pages moved
create or replace macro reported_pages(newest) as table
with statuses as (
    -- By days, so that a status meets those of its run and not all of its job.
    select n.*, unnest(generate_series(
        date_trunc('day', greatest(n.over_at, f.first_at)), n.status_at, interval 1 day)) as "day"
    from (select distinct job_id, observed_at as status_at, over_at from query_table(newest)) n
    join (select job_id, min(observed_at) as first_at from job_snapshots where total_units > 0 group by job_id) f
        using (job_id)
), polls as (
    select
        n.job_id,
        n.status_at,
        s.observed_at,
        s.completed_units,
        s.total_units,
        s.progress_unit,
        max(s.completed_units) over past as most,
        max(s.completed_units) over (past rows between unbounded preceding and 1 preceding) as before
    from statuses n
    join job_snapshots s on s.job_id = n.job_id and date_trunc('day', s.observed_at) = n."day"
    where s.observed_at <= n.status_at
        and s.observed_at > n.over_at
        and s.total_units > 0
        and coalesce(s.progress_at, s.observed_at) > n.over_at
    window past as (partition by n.job_id, n.status_at order by s.observed_at)
)
select
    job_id,
    status_at,
    min(observed_at) as first_at,
    max(observed_at) as reported_at,
    max(observed_at) filter (where completed_units > coalesce(before, -1)) as moved_at,
    max(completed_units) as done,
    arg_max(total_units, observed_at) as total,
    max(completed_units / total_units) as share,
    arg_max(completed_units / total_units, observed_at) as reported_share,
    arg_max(progress_unit, observed_at) as unit,
    count(*) filter (where unmoved) as polls_since
from (
    select *, completed_units <= before and before = max(most) over (partition by job_id, status_at) as unmoved
    from polls
)
group by job_id, status_at;

-- logged_runs(newest, instants): one row per instant and job of newest_snapshots with the log's newest cycle that no
-- finished run is. A cycle of which a run that is over had the first event is over as well, even if an instant is off
-- by a second. Of a job whose status was not read for long there may be many; the newest is among the last three.
--   as_of     the instant
--   job_id    the job
--   cycle_id  the cycle
--   first_at  its first event
--   last_at   its newest event
create or replace macro logged_runs(newest, instants) as table
with numbered as materialized (
    select job_id, cycle_id, min(began_at) as began_at,
        row_number() over (partition by job_id order by min(began_at), cycle_id desc) as ordinal
    from cycle_parts
    where began_at <= list_max(instants)
    group by job_id, cycle_id
), open_cycles as materialized (
    select n.as_of, n.job_id, c.cycle_id
    from (
        select n.as_of, n.job_id, n.over_at, unnest([c.ordinal, c.ordinal - 1, c.ordinal - 2]) as ordinal
        from query_table(newest) n
        asof join (select job_id, began_at, max(ordinal) as ordinal from numbered group by job_id, began_at) c
            on c.job_id = n.job_id and n.as_of >= c.began_at
    ) n
    join numbered c on c.job_id = n.job_id and c.ordinal = n.ordinal
    where c.began_at > n.over_at
), cycle_events as materialized (
    select distinct e.job_id, e.cycle_id, e.occurred_at
    from event_spine e
    join (select distinct job_id, cycle_id from open_cycles) b using (job_id, cycle_id)
    where e.occurred_at <= list_max(instants) and e.occurred_at > list_min(instants) - interval 14 day
), newest_events as (
    select b.*, e.occurred_at as last_at
    from open_cycles b
    asof join cycle_events e on e.job_id = b.job_id and e.cycle_id = b.cycle_id and b.as_of >= e.occurred_at
    where e.occurred_at > b.as_of - interval 14 day
    qualify row_number() over (partition by b.as_of, b.job_id order by e.occurred_at desc, b.cycle_id) = 1
)
select b.as_of, b.job_id, b.cycle_id, e.occurred_at as first_at, b.last_at
from newest_events b
asof join cycle_events e
    on e.job_id = b.job_id and e.cycle_id = b.cycle_id and b.as_of - interval 14 day < e.occurred_at;

-- job_states(until): one row per status of a job until an instant: since when its state is as it is.
--   job_id           the job
--   status_at        the status
--   first_steady_at  when the job first became steady
--   state_since      since when the job has had this state
create or replace macro job_states(until) as table
select job_id, observed_at as status_at, min(first_steady_at) as first_steady_at, min(state_since) as state_since
from (
    select job_id, observed_at, first_steady_at,
        min(observed_at) over (partition by job_id, island order by observed_at) as state_since
    from (
        select *, sum(changed::integer) over (partition by job_id order by observed_at, snapshot_id) as island
        from (
            select job_id, observed_at, snapshot_id,
                state is distinct from lag(state) over (partition by job_id order by observed_at, snapshot_id)
                    as changed,
                min(steady_since) over (partition by job_id order by observed_at) as first_steady_at
            from job_snapshots
            where observed_at <= until
        )
    )
)
group by job_id, observed_at;

-- interrupted_runs(until): one row per time that a cycle began anew before the one before was over, as after a restart in the
-- middle of the initial cycle: the pages fell, and between the two statuses the log has the first event of another cycle.
--   job_id        the job
--   restarted_at  just before that event: what came until then is of the run before
create or replace macro interrupted_runs(until) as table
with falls as (
    select job_id, before_at, observed_at
    from (
        select job_id, observed_at, completed_units,
            lag(completed_units) over job as before, lag(observed_at) over job as before_at
        from job_snapshots
        where total_units > 0 and observed_at <= until
        window job as (partition by job_id order by observed_at)
    )
    where completed_units < before
)
select f.job_id, max(c.began_at) - interval 1 second as restarted_at
from falls f
join (select job_id, min(began_at) as began_at from cycle_parts group by job_id, cycle_id) c
    on c.job_id = f.job_id and c.began_at > f.before_at and c.began_at <= f.observed_at
group by f.job_id, f.observed_at;

-- runs(instants, grace): one row per instant and job: its newest status, and the running cycle, as far as both were
-- known at the instant. A run is under way while Graph gives its pages, or its beginning without an end; or while the log has a
-- cycle later than the last finished execution. When the log is quiet and Graph was not asked for long, it is unknown:
-- it was under way, and is not.
--   as_of            the instant
--   job_snapshots.*  the newest status, as in the table
--   state_since      since when the job has had this state
--   first_steady_at  when the job first became steady
--   assigned         objects that are assigned, as Graph counts them after a run
--   pages_from       the first status with pages
--   reported_at      the newest status with pages
--   moved_at         the newest status with more pages than before
--   done             pages done
--   total            pages to do, by the newest status
--   share            the largest share of pages done
--   reported_share   the newest share of pages done
--   unit             what a page is
--   polls_since      statuses since pages moved
--   was_under_way    whether a cycle was running at the newest status
--   under_way        whether a cycle is running
--   cycle_id         the running cycle, where the log shows it
--   began_at         its beginning
--   first_event_at   its first event
--   last_event_at    its last event
--   kind             initial, restarted or incremental
--   moving_at        when anything in it last moved
create or replace macro runs(instants, grace) as table
with newest as materialized (
    select n.* replace (greatest(n.over_at, coalesce(r.restarted_at, n.over_at)) as over_at)
    from newest_snapshots(instants) n
    asof left join interrupted_runs(list_max(instants)) r on r.job_id = n.job_id and n.observed_at >= r.restarted_at
), job_runs as (
    select
        l.*,
        t.state_since,
        t.first_steady_at,
        -- Graph counts who is assigned when a run is over; in a first cycle nobody knows.
        case when l.last_ended_at is not null then nullif(greatest(l.entitled, l.users + l.groups), 0) end as assigned,
        p.* exclude (job_id, status_at) rename (first_at as pages_from),
        g.* exclude (as_of, job_id),
        coalesce(
            (l.total_units > 0 and p.reported_at = l.observed_at and coalesce(g.first_at <= l.observed_at, true))
            or (l.last_began_at > l.over_at)
            or (g.last_at <= l.observed_at), false) as was_under_way,
        -- Without pages or an execution, the log shows a run for half the grace after its last event.
        g.last_at >= l.as_of - to_seconds(grace // 2)
            or (was_under_way and l.as_of <= l.observed_at + to_seconds(greatest(l.interval_s, grace))) as under_way
    from newest l
    join job_states(list_max(instants)) t on t.job_id = l.job_id and t.status_at = l.observed_at
    left join reported_pages('newest') p on p.job_id = l.job_id and p.status_at = l.observed_at
    left join logged_runs('newest', instants) g on g.as_of = l.as_of and g.job_id = l.job_id
)
select
    * exclude (over_at, under_way, first_at, last_at, cycle_id),
    coalesce(under_way, false) as under_way,
    case when under_way then cycle_id end as cycle_id,
    case when under_way then
        least(first_at, pages_from, case when last_began_at > over_at then last_began_at end) end as began_at,
    case when under_way then first_at end as first_event_at,
    case when under_way then last_at end as last_event_at,
    case
        when not coalesce(under_way, false) then null
        when steady_since is not null then 'incremental'
        when first_steady_at is not null then 'restarted'
        else 'initial'
    end as kind,
    case when under_way then greatest(moved_at, last_at) end as moving_at
from job_runs;

-- successful_runs(instants): one row per instant and job whose newest status shows that it works: it is not in quarantine,
-- its last run succeeded, and nothing is in error. Entra quarantines a job at once whose token is rejected.
--   as_of     the instant
--   job_id    the job
--   began_at  the beginning of its last run
create or replace macro successful_runs(instants) as table
select as_of, job_id, last_began_at as began_at
from newest_snapshots(instants)
where state = 'Active' and quarantine_since is null and last_state = 'Succeeded' and last_began_at <= last_ended_at
    and escrowed = 0 and coalesce(successive_failures, 0) = 0;
