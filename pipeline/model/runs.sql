-- The cycle that a job is in, as of an instant.

-- newest_snapshots(as_of): one row per job with its newest status at an instant.
--   job_snapshots.*  as in the table
--   over_at          the end of the newest run that is over; -infinity where there was none
create or replace macro newest_snapshots(as_of) as table
select *, coalesce(last_ended_at, timestamp '-infinity') as over_at
from job_snapshots
where (job_id, observed_at) in (
    select (job_id, max(observed_at)) from job_snapshots where observed_at <= as_of group by job_id)
qualify row_number() over (partition by job_id order by snapshot_id) = 1;

-- reported_pages(newest, as_of): one row per job of newest_snapshots of whose present run a status gave pages.
--   job_id          the job
--   first_at        the first status with pages
--   reported_at     the newest
--   moved_at        the newest with more pages than before
--   done            pages done
--   total           pages to do, by the newest
--   share           the largest share of pages done
--   reported_share  the newest share of pages done
--   unit            what a page is
--   polls_since     statuses since pages moved
create or replace macro reported_pages(newest, as_of) as table
with polls as (
    select
        job_id,
        s.observed_at,
        s.completed_units,
        s.total_units,
        s.progress_unit,
        max(s.completed_units) over past as most,
        max(s.completed_units) over (past rows between unbounded preceding and 1 preceding) as before
    from job_snapshots s
    join query_table(newest) l using (job_id)
    where s.observed_at <= as_of
        and s.observed_at > l.over_at
        and s.total_units > 0
        and coalesce(s.progress_at, s.observed_at) > l.over_at
    window past as (partition by job_id order by s.observed_at)
)
select
    job_id,
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
    select *, completed_units <= before and before = max(most) over (partition by job_id) as unmoved
    from polls
)
group by job_id;

-- logged_runs(newest, as_of): one row per job of newest_snapshots with the log's newest cycle that no finished run is.
--   job_id    the job
--   cycle_id  the cycle
--   first_at  its first event
--   last_at   its newest event
--   events    its events
--   objects   distinct objects
create or replace macro logged_runs(newest, as_of) as table
with open_cycles as (
    -- A cycle of which a run that is over had the first event is over as well, even if an instant is off by a second. Of a
    -- job whose status was not read for long there may be many; the newest is among the last three.
    select job_id, p.cycle_id
    from cycle_parts p
    join query_table(newest) l using (job_id)
    where p.began_at <= as_of
    group by job_id, p.cycle_id
    having min(p.began_at) > max(l.over_at)
    qualify row_number() over (partition by job_id order by min(p.began_at) desc, p.cycle_id) <= 3
)
select
    job_id,
    e.cycle_id,
    min(e.occurred_at) as first_at,
    max(e.occurred_at) as last_at,
    count(*) as events,
    count(distinct e.object) as objects
from event_spine e
join open_cycles b using (job_id, cycle_id)
where e.occurred_at <= as_of and e.occurred_at > as_of - interval 14 day
group by job_id, e.cycle_id
qualify row_number() over (partition by job_id order by last_at desc, e.cycle_id) = 1;

-- job_states(newest, as_of): one row per job of newest_snapshots: since when its state is as it is.
--   job_id           the job
--   first_steady_at  when the job first became steady
--   state_since      since when the job has had this state
create or replace macro job_states(newest, as_of) as table
with earlier_states as (
    select
        job_id,
        max(s.observed_at) filter (where s.state is distinct from l.state) as other_at,
        min(s.steady_since) as first_steady_at
    from job_snapshots s
    join query_table(newest) l using (job_id)
    where s.observed_at <= as_of
    group by job_id
)
select job_id, any_value(e.first_steady_at) as first_steady_at, min(s.observed_at) as state_since
from job_snapshots s
join earlier_states e using (job_id)
where s.observed_at <= as_of and s.observed_at > coalesce(e.other_at, timestamp '-infinity')
group by job_id;

-- runs(as_of, grace): one row per job: its newest status, and the running cycle, as far as both were known at an
-- instant. A run is under way while Graph gives its pages, or its beginning without an end; or while the log has a
-- cycle later than the last finished execution. When the log is quiet and Graph was not asked for long, it is unknown:
-- it is not under way.
--   job_snapshots.*  the newest status, as in the table
--   state_since      since when the job has had this state
--   first_steady_at  when the job first became steady
--   assigned         objects that are assigned, as Graph counts them after a run
--   reported_at      the newest status with pages
--   moved_at         the newest status with more pages than before
--   done             pages done
--   total            pages to do, by the newest status
--   share            the largest share of pages done
--   reported_share   the newest share of pages done
--   unit             what a page is
--   polls_since      statuses since pages moved
--   under_way        whether a cycle is running
--   cycle_id         the running cycle, where the log shows it
--   began_at         its beginning
--   first_event_at   its first event
--   last_event_at    its last event
--   events           its events so far
--   objects          its distinct objects so far
--   kind             initial, restarted or incremental
--   moving_at        when anything in it last moved
create or replace macro runs(as_of, grace) as table
with newest as materialized (
    from newest_snapshots(as_of)
), job_runs as (
    select
        l.*,
        t.state_since,
        t.first_steady_at,
        -- Graph counts who is assigned when a run is over; in a first cycle nobody knows.
        case when l.last_ended_at is not null then nullif(greatest(l.entitled, l.users + l.groups), 0) end as assigned,
        p.* exclude (job_id) rename (first_at as pages_from),
        g.* exclude (job_id),
        -- Without pages or an execution, the log speaks for half the grace after its last event.
        g.last_at >= as_of - to_seconds(grace // 2)
            or (as_of <= l.observed_at + to_seconds(greatest(l.interval_s, grace)) and coalesce(
                (l.total_units > 0 and p.reported_at = l.observed_at and coalesce(g.first_at <= l.observed_at, true))
                or (l.last_began_at > l.over_at)
                or (g.last_at <= l.observed_at), false)) as under_way
    from newest l
    join job_states('newest', as_of) t using (job_id)
    left join reported_pages('newest', as_of) p using (job_id)
    left join logged_runs('newest', as_of) g using (job_id)
)
select
    * exclude (over_at, under_way, first_at, last_at, cycle_id, events, objects, pages_from),
    coalesce(under_way, false) as under_way,
    case when under_way then cycle_id end as cycle_id,
    case when under_way then
        least(first_at, pages_from, case when last_began_at > over_at then last_began_at end) end as began_at,
    case when under_way then first_at end as first_event_at,
    case when under_way then last_at end as last_event_at,
    case when under_way then coalesce(events, 0) end as events,
    case when under_way then coalesce(objects, 0) end as objects,
    case
        when not coalesce(under_way, false) then null
        when steady_since is not null then 'incremental'
        when first_steady_at is not null then 'restarted'
        else 'initial'
    end as kind,
    case when under_way then greatest(moved_at, last_at) end as moving_at
from job_runs;
