-- How far a running initial or restarted cycle has come, and when it ends, where no past cycle of its kind shows it.
-- The numbers are those of benchmarks/eta.py: the minutes that Microsoft documents, and curves that `--fit` prints.

-- interpolated(knots, share): the value at a share on the line through knots that lie evenly from 0 to 1.
create or replace macro interpolated(knots, share) as
    list_sum(list_transform(knots, lambda knot, place:
        knot * greatest(0, 1 - abs(least(greatest(share, 0), 1) * (len(knots) - 1) - (place - 1)))));

-- length_quantile(median_s, shape, elapsed_s, share): the seconds below which a share of the cycles end that are longer
-- than what has passed, if their lengths are log-logistic.
create or replace macro length_quantile(median_s, shape, elapsed_s, share) as
    median_s * pow((1 + pow(greatest(elapsed_s, 0) / median_s, shape)) / (1 - share) - 1, 1 / shape);

-- paced_share(elapsed_s): what part of a cycle's time has passed, by that alone: half of the like end within an hour.
create or replace macro paced_share(elapsed_s) as
    greatest(elapsed_s, 0) / length_quantile(3600, 1.68, elapsed_s, 0.5);

-- pages_curve(share): which part of its time a cycle has used when this share of its pages is done: in the slowest
-- of cycles, in the middle and in the fastest; four of five lie between. A cycle whose pages take the same time each is
-- among them, whatever share is done, so that more of the slow ones are left out than of the fast.
create or replace macro pages_curve(share) as [
    interpolated([0.003, 0.024, 0.049, 0.076, 0.106, 0.138, 0.287, 0.441, 0.601, 0.802, 0.96], share),
    interpolated([0.005, 0.033, 0.069, 0.113, 0.165, 0.228, 0.38, 0.532, 0.688, 0.847, 0.973], share),
    greatest(share,
        interpolated([0.028, 0.073, 0.137, 0.205, 0.277, 0.363, 0.502, 0.655, 0.788, 0.905, 0.991], share))];

-- objects_curve(share): the same of assigned objects with an event, counted from the first event.
create or replace macro objects_curve(share) as [
    interpolated([0.005, 0.059, 0.123, 0.192, 0.273, 0.357, 0.46, 0.583, 0.714, 0.863, 0.97], share),
    interpolated([0.01, 0.09, 0.186, 0.287, 0.39, 0.501, 0.609, 0.714, 0.818, 0.917, 1.0], share),
    interpolated([0.015, 0.125, 0.253, 0.381, 0.504, 0.622, 0.718, 0.805, 0.885, 1.0, 1.0], share)];

-- initial_statuses(running, as_of): one row per job of a table of running cycles with a status since its last run.
--   job_id         the job
--   begun_at       when the running cycle began, by the earliest status that reports it
--   assigned       objects that are assigned: the fewest that a status counts, but a count of less than half of the
--                  most is of a store that is filled again
--   assigned_from  the first status with such a count
--   pages_before   the largest share of pages done that was reported before it
create or replace macro initial_statuses(running, as_of) as table
with counted as (
    select
        job_id,
        s.observed_at,
        case when s.last_began_at > over_at then s.last_began_at end as begun_at,
        case when s.total_units > 0 and coalesce(s.progress_at, s.observed_at) > over_at
            then s.completed_units / s.total_units end as done,
        -- Graph counts who is assigned when a run is over; in a first cycle nobody knows.
        case when s.last_ended_at is not null then nullif(greatest(s.entitled, s.users + s.groups), 0) end as objects
    from job_snapshots s
    join (select job_id, coalesce(last_ended_at, timestamp '-infinity') as over_at from query_table(running)) r
        using (job_id)
    where s.observed_at <= as_of and s.observed_at > over_at
), counted_statuses as (
    select
        *,
        max(objects) over job as most_objects,
        min(observed_at) filter (where objects is not null) over job as assigned_from
    from counted
    window job as (partition by job_id)
)
select
    job_id,
    min(begun_at) as begun_at,
    min(objects) filter (where objects >= most_objects / 2) as assigned,
    any_value(assigned_from) as assigned_from,
    max(done) filter (where observed_at < assigned_from) as pages_before
from counted_statuses
group by job_id;

-- initial_progress(running, as_of): one row per initial or restarted cycle of a table of running cycles: how far it has
-- come, which never falls while the cycle runs.
--   job_id            the job
--   assigned          objects that are assigned
--   basis             assigned, pages or pace; null where nothing tells
--   start_at          when it began, as far as that is known
--   objects_share     objects with an event of those that are assigned
--   share             how far it has come, from 0 to 0.99
--   first_event_at    its first event
--   reported_at       the newest status with pages
--   reported_share    the share of pages done by it
create or replace macro initial_progress(running, as_of) as table
with measured as (
    select
        job_id,
        s.assigned,
        case
            when s.assigned > 0 then 'assigned'
            when r."share" is not null then 'pages'
            when r.events > 0 then 'pace'
        end as basis,
        least(r.began_at, s.begun_at) as start_at,
        r.objects / s.assigned as objects_share,
        r."share" as pages_share,
        s.pages_before,
        -- Until pages or a count came, the time that had passed was all that was known.
        case when r.first_event_at < least(r.pages_from, s.assigned_from) then
            paced_share(epoch(least(r.pages_from, s.assigned_from) - least(r.began_at, s.begun_at))) end as paced,
        r.first_event_at,
        r.reported_at,
        r.reported_share
    from query_table(running) r
    left join initial_statuses(running, as_of) s using (job_id)
    where r.kind in ('initial', 'restarted')
)
select
    job_id,
    assigned,
    basis,
    start_at,
    objects_share,
    case basis
        when 'assigned' then least(0.99, greatest(objects_share, pages_before, paced))
        when 'pages' then least(0.99, greatest(pages_share, paced))
        when 'pace' then paced_share(epoch(as_of - start_at))
    end as "share",
    first_event_at,
    reported_at,
    reported_share
from measured;

-- initial_ends(running, as_of): initial_progress with the instants between which the cycle ends in four of five cases.
-- What was not done before is judged by how long such cycles take; later its own pace counts.
--   initial_progress.*  as there
--   low_at              the earliest likely end
--   middle_at           half of the like ended before
--   high_at             the latest likely end
--   ends_from           what that rests on
create or replace macro initial_ends(running, as_of) as table
with bases as (
    select
        *,
        case
            when basis = 'assigned' and objects_share >= 0.05 then 'objects'
            when basis = 'assigned' then 'minutes'
            when basis = 'pages' and reported_share >= 0.03 then 'pages'
            when basis is not null then 'hours'
        end as ends_by,
        case ends_by
            when 'objects' then objects_curve(objects_share)
            when 'pages' then pages_curve(reported_share)
            when 'minutes' then [0.6 * assigned, 1.7 * assigned, 4.8 * assigned]
            when 'hours' then [900, 3600, 14400]
        end as curve,
        case when ends_by = 'objects' then first_event_at else start_at end as from_at,
        epoch(as_of - from_at) as elapsed_s,
        case when ends_by = 'pages' then epoch(reported_at - from_at) else elapsed_s end as paced_s,
        case when ends_by = 'minutes' then 2.11 else 1.68 end as shape
    from initial_progress(running, as_of)
), lengths as (
    select
        *,
        case when ends_by in ('objects', 'pages') then paced_s / curve[3] else curve[1] end as low_s,
        case when ends_by in ('objects', 'pages') then paced_s / curve[2]
            else length_quantile(curve[2], shape, elapsed_s, 0.5) end as middle_s,
        -- Whoever takes longer than nearly all others goes on for about a fifth of the time that has passed.
        case
            when ends_by in ('objects', 'pages') and paced_s / curve[1] > elapsed_s then paced_s / curve[1]
            when ends_by in ('objects', 'pages') then elapsed_s / curve[1]
            else greatest(curve[3], length_quantile(curve[2], shape, elapsed_s, 0.25))
        end as high_s
    from bases
)
select
    * exclude (ends_by, curve, from_at, elapsed_s, paced_s, shape, low_s, middle_s, high_s),
    case when ends_by is not null then greatest(as_of, after_s(from_at, low_s)) end as low_at,
    case when ends_by is not null then greatest(as_of, after_s(from_at, least(middle_s, high_s))) end as middle_at,
    case when ends_by is not null then greatest(as_of, after_s(from_at, high_s)) end as high_at,
    case ends_by
        when 'objects' then 'the pace so far, and ' || assigned || ' assigned objects as Graph counts them'
        when 'pages' then 'page progress and the pace so far'
        when 'minutes' then 'the documented 0.01 to 0.08 minutes for each of ' || assigned
            || ' assigned objects; members of groups are not counted'
        when 'hours' then 'how long initial cycles take, a quarter of an hour to four hours in most cases'
    end as ends_from
from lengths;
