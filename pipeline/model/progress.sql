-- How far the cycle under way has come, and when it is expected to end.

-- expectations(as_of, grace): one row per job: its rhythm, and for a running cycle how much there is to do, how fast
-- it usually goes, and between which instants it ends in four of five cases. Past cycles of the same job and kind
-- decide, where Graph gave their end.
--   rhythms.*         the rhythm
--   phase             import, export, references or unknown
--   objects_expected  objects to process
--   expected_from     where that number comes from
--   per_minute        objects a minute so far
--   usual_per_minute  objects a minute in past cycles
--   ends_low_at       the earliest likely end
--   ends_at           the likely end
--   ends_high_at      the latest likely end
--   ends_from         where the band comes from
create or replace macro expectations(as_of, grace) as table
with job_rhythms as (
    from rhythms(as_of, grace)
), running as (
    select
        *,
        coalesce(first_event_at, began_at) as start_at,
        kind in ('initial', 'restarted') as whole,
        -- What a steady pace would make of the pages done when Graph last told.
        epoch(reported_at - coalesce(first_event_at, began_at)) / nullif(reported_share, 0) as paced_s
    from job_rhythms
    where under_way
), phases as (
    select
        e.job_id,
        mode(case
            when list_contains(list_transform(e.changes, lambda c: c.attribute), 'members') then 'references'
            when e.steps[-1]."type" = 'referenceResolution' then 'references'
            when e.steps[-1]."type" in ('import', 'export') then e.steps[-1]."type"
        end) as phase
    from events e
    join running r on r.job_id = e.job_id and r.cycle_id = e.cycle_id
    where e.occurred_at <= as_of
        and e.occurred_at > as_of - interval 1 day
        and e.occurred_at >= r.last_event_at - interval 1 minute
    group by e.job_id
), past as (
    select
        c.job_id,
        c.cycle_id,
        c.objects,
        case when r.events > 0 then c.first_event_at else c.began_at end as start_at,
        c.ended_at
    from cycles c
    join running r on r.job_id = c.job_id
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
    join running r using (job_id)
    join job_snapshots s on s.job_id = p.job_id and s.observed_at > p.start_at and s.observed_at <= p.ended_at
    where s.total_units > 0 and s.completed_units > 0 and abs(s.completed_units / s.total_units - r.reported_share) <= 0.25
    group by p.job_id, p.cycle_id
    qualify row_number() over (partition by p.job_id order by apart, p.cycle_id) <= 19
), lengths as (
    -- In seconds from the start; only those count that are longer than what has passed.
    select
        r.job_id,
        list(r.paced_s * q.ratio order by r.paced_s * q.ratio)
            filter (where r.paced_s * q.ratio > epoch(as_of - r.start_at)) as by_pages,
        list(epoch(p.ended_at - p.start_at) order by p.ended_at - p.start_at)
            filter (where p.ended_at - p.start_at > as_of - r.start_at) as by_length
    from running r
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
), chosen as (
    select
        job_id,
        r.start_at,
        r.whole,
        u.cycles,
        u.objects as usual_objects,
        u.per_minute as usual_per_minute,
        case
            when len(l.by_pages) >= 9 then l.by_pages
            when len(l.by_length) >= 5 then l.by_length
            when r.whole and as_of < r.start_at + to_seconds(0.08 * 60 * r.assigned) then []
        end as lengths,
        len(l.by_pages) >= 9 as by_pages
    from running r
    left join lengths l using (job_id)
    left join usual u using (job_id)
)
select
    k.*,
    case when k.under_way then coalesce(p.phase, 'unknown') end as phase,
    case
        when whole then k.assigned
        when cycles >= 5 and usual_objects >= k.objects then usual_objects::bigint
    end as objects_expected,
    case
        when whole and k.assigned > 0 then 'assigned objects as Graph counts them'
        when not whole and cycles >= 5 and usual_objects >= k.objects
            then 'like the last ' || cycles || ' cycles of its kind'
    end as expected_from,
    k.objects * 60 / greatest(epoch(as_of - start_at), 60) as per_minute,
    case when cycles >= 5 then usual_per_minute end as usual_per_minute,
    case when lengths is not null then greatest(as_of, after_s(start_at,
        case when len(lengths) = 0 then 0.6 * k.assigned else coalesce(quantile_of(lengths, 0.1), 0) end))
    end as ends_low_at,
    after_s(start_at, quantile_of(lengths, 0.5)) as ends_at,
    after_s(start_at,
        case when len(lengths) = 0 then 4.8 * k.assigned else coalesce(quantile_of(lengths, 0.9), lengths[-1]) end)
        as ends_high_at,
    case
        when lengths is null then null
        when len(lengths) = 0 then 'the documented 0.01 to 0.08 minutes for each of ' || k.assigned
            || ' assigned objects; members of groups are not counted'
        when by_pages then 'pages done, and how ' || len(lengths) || ' cycles of its kind went on from there'
        else len(lengths) || ' past cycles of its kind that took longer than this one has so far'
    end as ends_from
from job_rhythms k
left join chosen c using (job_id)
left join phases p using (job_id);
