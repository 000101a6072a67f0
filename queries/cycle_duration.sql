-- What drove a cycle's duration, compared with the usual one of its kind?
--
-- Title    Cycle duration factors
-- Topic    Cycles and quarantine
--
-- A duration is what its events took (objects x events an object x milliseconds an event) and what passed besides:
-- reading, evaluating, waiting. Where events usually overlap, their time counts as much less as usual. Usual is the
-- geometric mean over the forty cycles before, of the same job and kind, and from the same sources; the difference is
-- shared out among the four (the three that multiply by a logarithmic mean), so that the parts make up the whole.
-- Cycles without an event, and cycles with fewer than five before them, have nothing to be compared with.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--   $cycle    VARCHAR = null    one cycle's id; null asks about all of them
--   $limit    BIGINT = 200      how many at most, the newest first
--
-- Columns
--   job_id             the job
--   cycle_id           the cycle
--   app_name           the application
--   kind               initial, restarted or incremental
--   began_at           when it began
--   duration_ms        how long it took
--   usual_ms           how long its kind usually takes
--   objects            distinct objects in it
--   usual_objects      how many there usually are
--   per_object         events an object, above one when objects were tried again within it
--   usual_per_object   what is usual
--   event_ms           milliseconds an event
--   usual_event_ms     what is usual
--   objects_ms         milliseconds that more or fewer objects added
--   retries_ms         milliseconds that more or fewer events an object added
--   latency_ms         milliseconds that slower or faster events added
--   waiting_ms         milliseconds that everything else added
--   driver             objects, retries, latency or `waiting`, whichever explains most; null if it took about as usual
--   sentence           the same in words
with measured as (
    select
        job_id,
        cycle_id,
        app_name,
        kind,
        began_at,
        seen_by,
        duration_ms,
        [objects, events / objects, worked_ms / events] as factors
    from cycles
    where objects > 0 and worked_ms > 0 and duration_ms > 0
), compared as (
    select
        *,
        count(*) over before as earlier,
        exp(avg(ln(duration_ms)) over before) as usual_ms,
        [exp(avg(ln(factors[1])) over before), exp(avg(ln(factors[2])) over before),
            exp(avg(ln(factors[3])) over before)] as usual,
        least(1, usual_ms / list_product(usual)) as overlap,
        list_product(factors) * overlap as busy_ms,
        list_product(usual) * overlap as usual_busy_ms
    from measured
    window before as (
        partition by job_id, kind, seen_by order by began_at, cycle_id rows between 40 preceding and 1 preceding)
), parted as (
    select
        *,
        case when abs(ln(busy_ms / usual_busy_ms)) < 1e-6 then busy_ms
            else (busy_ms - usual_busy_ms) / ln(busy_ms / usual_busy_ms) end as mean_ms,
        list_append(
            list_transform(list_zip(factors, usual), lambda pair: mean_ms * ln(pair[1] / pair[2])),
            duration_ms - busy_ms - usual_ms + usual_busy_ms) as parts,
        list_transform(parts, lambda part: part * sign(duration_ms - usual_ms)) as pulls,
        case when duration_ms / usual_ms not between 0.8 and 1.25
            then list_position(pulls, list_max(pulls)) end as first_of
    from compared
    where earlier >= 5
)
select
    job_id,
    cycle_id,
    app_name,
    kind,
    began_at,
    duration_ms,
    usual_ms::bigint as usual_ms,
    factors[1]::bigint as objects,
    usual[1] as usual_objects,
    factors[2] as per_object,
    usual[2] as usual_per_object,
    factors[3] as event_ms,
    usual[3] as usual_event_ms,
    parts[1]::bigint as objects_ms,
    parts[2]::bigint as retries_ms,
    parts[3]::bigint as latency_ms,
    parts[4]::bigint as waiting_ms,
    ['objects', 'retries', 'latency', 'waiting'][first_of] as driver,
    case
        when first_of is null then 'It took about as long as usual.'
        else format('It took {:.1f} times as long as usual, mostly because of {}.', duration_ms / usual_ms, [
            format('{:.0f} users and groups (usually {:.0f})', factors[1], usual[1]),
            format('{:.1f} events per user or group (usually {:.1f})', factors[2], usual[2]),
            format('{:.0f} ms per event (usually {:.0f})', factors[3], usual[3]),
            format('{:.0f} s beside its events (usually {:.0f})', greatest(duration_ms - busy_ms, 0) / 1000,
                (usual_ms - usual_busy_ms) / 1000)
        ][first_of])
    end as sentence
from parted
where began_at >= $since and began_at < $until
    and ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    and ($cycle is null or cycle_id = $cycle)
order by began_at desc, job_id, cycle_id
limit $limit
