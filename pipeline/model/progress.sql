-- How far the cycle under way has come, and when it is expected to end.

-- event_phases(running, as_of): one row per running cycle of a table: what its latest events ended with.
--   job_id  the job
--   phase   import, export or references
create or replace macro event_phases(running, as_of) as table
select
    e.job_id,
    mode(case
        when list_contains(list_transform(e.changes, lambda c: c.attribute), 'members') then 'references'
        when e.steps[-1]."type" = 'referenceResolution' then 'references'
        when e.steps[-1]."type" in ('import', 'export') then e.steps[-1]."type"
    end) as phase
from events e
join query_table(running) r on r.job_id = e.job_id and r.cycle_id = e.cycle_id
where e.occurred_at <= as_of
    and e.occurred_at > as_of - interval 1 day
    and e.occurred_at >= r.last_event_at - interval 1 minute
group by e.job_id;

-- like_cycles(running, as_of): one row per running cycle of a table with past cycles of its job and kind of which Graph
-- gave the end.
--   job_id      the job
--   by_pages    how long the running one takes if it goes on from its pages as they did, in seconds and in order
--   by_length   how long they took
--   cycles      how many past cycles there are, ten at most
--   objects     objects in one of them
--   per_minute  objects a minute in them
create or replace macro like_cycles(running, as_of) as table
with past as (
    select
        c.job_id,
        c.cycle_id,
        c.objects,
        case when r.events > 0 then c.first_event_at else c.began_at end as start_at,
        c.ended_at
    from cycles c
    join query_table(running) r on r.job_id = c.job_id
    where c.seen_by <> 'log'
        and c.ended_at <= r.last_ended_at
        and (c.kind in ('initial', 'restarted')) = r.whole
        and (r.events = 0 or c.events > 0)
    qualify row_number() over (partition by c.job_id order by c.began_at desc) <= 100
), paced as (
    -- How the end of each past cycle compared with a steady pace, at its reading with the most similar share of pages;
    -- of the nineteen most similar, which is as many as a band of four fifths needs to leave out one on either side.
    select
        p.job_id,
        p.cycle_id,
        min(abs(s.completed_units / s.total_units - r.reported_share)) as apart,
        arg_min(
            epoch(p.ended_at - p.start_at) / (epoch(s.observed_at - p.start_at) * s.total_units / s.completed_units),
            abs(s.completed_units / s.total_units - r.reported_share)) as ratio
    from past p
    join query_table(running) r using (job_id)
    join job_snapshots s on s.job_id = p.job_id and s.observed_at > p.start_at and s.observed_at <= p.ended_at
    where s.total_units > 0
        and s.completed_units > 0
        and abs(s.completed_units / s.total_units - r.reported_share) <= 0.25
    group by p.job_id, p.cycle_id
    qualify row_number() over (partition by p.job_id order by apart, p.cycle_id) <= 19
), lengths as (
    select
        r.job_id,
        list(r.paced_s * q.ratio order by r.paced_s * q.ratio) filter (where r.paced_s * q.ratio > 0) as by_pages,
        list(epoch(p.ended_at - p.start_at) order by p.ended_at - p.start_at) as by_length
    from query_table(running) r
    join past p on p.job_id = r.job_id
    left join paced q on q.job_id = p.job_id and q.cycle_id = p.cycle_id
    group by r.job_id
), usual as (
    select
        job_id,
        count(*) as cycles,
        median(objects) as objects,
        sum(objects) * 60 / nullif(sum(epoch(ended_at - start_at)), 0) as per_minute
    from (from past qualify row_number() over (partition by job_id order by ended_at desc) <= 10)
    group by job_id
)
select r.job_id, l.by_pages, l.by_length, u.cycles, u.objects, u.per_minute
from query_table(running) r
join lengths l using (job_id)
join usual u using (job_id);

-- longer_than(lengths, elapsed_s): those of a list of lengths that are longer than what has passed.
create or replace macro longer_than(lengths, elapsed_s) as list_filter(lengths, lambda s: s > elapsed_s);

-- likely_lengths(lengths, longer, by_pages): the seconds between which four of five cycles end, from the lengths of past
-- ones and from those that are longer than what has passed. Of many past cycles the ranks are those that hold four of
-- five ends in every part of a cycle in benchmarks/eta.py: a cycle that is met by chance is rather a long one, and the
-- less so the more time has passed. Few make a wide band.
create or replace macro likely_lengths(lengths, longer, by_pages) as
    case
        when len(lengths) < 19
            then [coalesce(quantile_of(longer, 0.1), 0), coalesce(quantile_of(longer, 0.9), longer[-1])]
        else [
            quantile_of(lengths, case when by_pages then 0.15 else 0.16 end),
            greatest(
                coalesce(quantile_of(longer, 0.5), longer[-1]),
                coalesce(quantile_of(lengths, case when by_pages then 0.85
                    else 0.965 - 0.1 * least(0.4, 1 - len(longer) / len(lengths)) end), lengths[-1]))]
    end;

-- expectations(as_of, grace): one row per job: its rhythm, and for a running cycle how much there is to do, how fast
-- it usually goes, and between which instants it ends in four of five cases. Past cycles of the same job and kind
-- decide, where Graph gave their end; of an initial cycle without such a past, what is known of itself.
--   rhythms.*         the rhythm
--   phase             import, export, references or unknown
--   objects_expected  objects to process
--   expected_from     where that number comes from
--   per_minute        objects a minute so far
--   usual_per_minute  objects a minute in past cycles
--   progress_share    of an initial or restarted cycle: how far it has come; it never falls
--   progress_from     what tells, or what is missing
--   ends_low_at       the earliest likely end
--   ends_at           the likely end
--   ends_high_at      the latest likely end
--   ends_from         where the band comes from
create or replace macro expectations(as_of, grace) as table
with job_rhythms as materialized (
    from rhythms(as_of, grace)
), running as materialized (
    select
        *,
        coalesce(first_event_at, began_at) as start_at,
        kind in ('initial', 'restarted') as whole,
        -- What a steady pace would make of the pages done when Graph last told.
        epoch(reported_at - coalesce(first_event_at, began_at)) / nullif(reported_share, 0) as paced_s
    from job_rhythms
    where under_way
), chosen as (
    select
        job_id,
        r.start_at,
        r.whole,
        i.* exclude (job_id, start_at, first_event_at, reported_at, reported_share, "share"),
        i."share" as progress_share,
        l.cycles,
        l.objects as usual_objects,
        l.per_minute as usual_per_minute,
        epoch(as_of - r.start_at) as elapsed_s,
        len(longer_than(l.by_pages, elapsed_s)) >= 9 as by_pages,
        case
            when len(longer_than(l.by_pages, elapsed_s)) >= 9 then l.by_pages
            when len(longer_than(l.by_length, elapsed_s)) >= 5 then l.by_length
        end as lengths,
        longer_than(lengths, elapsed_s) as longer
    from running r
    left join like_cycles('running', as_of) l using (job_id)
    left join initial_ends('running', as_of) i using (job_id)
)
select
    k.*,
    case when k.under_way then coalesce(p.phase, 'unknown') end as phase,
    case
        when whole then c.assigned
        when cycles >= 5 and usual_objects >= k.objects then usual_objects::bigint
    end as objects_expected,
    case
        when whole and c.assigned > 0 then 'assigned objects as Graph counts them'
        when not whole and cycles >= 5 and usual_objects >= k.objects
            then 'like the last ' || cycles || ' cycles of its kind'
    end as expected_from,
    k.objects * 60 / greatest(epoch(as_of - c.start_at), 60) as per_minute,
    case when cycles >= 5 then usual_per_minute end as usual_per_minute,
    progress_share,
    case
        when c.basis = 'assigned' then 'of ' || c.assigned || ' assigned objects as Graph counts them'
        when c.basis = 'pages' then 'estimated from page progress, as in the Entra portal'
        when c.basis = 'pace' then 'from pace alone'
        when whole then 'Graph reports neither pages nor assigned objects, and the log has no event of it yet'
    end as progress_from,
    case when lengths is null then low_at
        else greatest(as_of, after_s(c.start_at, likely_lengths(lengths, longer, by_pages)[1])) end as ends_low_at,
    case when lengths is null then middle_at else after_s(c.start_at, quantile_of(longer, 0.5)) end as ends_at,
    case when lengths is null then high_at
        else after_s(c.start_at, likely_lengths(lengths, longer, by_pages)[2]) end as ends_high_at,
    case
        when lengths is null then c.ends_from
        when by_pages then 'pages done, and how ' || len(longer) || ' cycles of its kind went on from there'
        else len(longer) || ' past cycles of its kind that took longer than this one has so far'
    end as ends_from
from job_rhythms k
left join chosen c using (job_id)
left join event_phases('running', as_of) p using (job_id);
