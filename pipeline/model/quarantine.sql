-- Quarantines, and how near each job is to the next.

-- quarantines: one row per unbroken run of a job's statuses in quarantine.
--   job_id           the job
--   app_name         the app's newest name in it
--   opened_at        Graph's own date where it gave one, else the first such status
--   closed_at        the first status without quarantine; null while it lasts
--   reason           Graph's newest reason
--   series_count     Graph's count of quarantines in a series
--   next_attempt_at  when Entra tries again
--   error_code       the newest error's code
--   error_message    the newest error's text
create or replace view quarantines as
select
    job_id,
    arg_max(app_name, observed_at) as app_name,
    coalesce(min(quarantine_since), min(observed_at)) as opened_at,
    any_value(left_at) as closed_at,
    arg_max(quarantine_reason, observed_at) as reason,
    max(quarantine_count) as series_count,
    arg_max(next_attempt_at, observed_at) as next_attempt_at,
    arg_max(error_code, observed_at) as error_code,
    arg_max(error_message, observed_at) as error_message
from (
    select
        *,
        min(case when not quarantined then observed_at end)
            over (partition by job_id order by observed_at rows between current row and unbounded following) as left_at
    from (select *, state = 'Quarantine' or quarantine_since is not null as quarantined from job_snapshots)
)
where quarantined
group by job_id, coalesce(left_at, timestamp 'infinity');

-- quarantine_verdict(non_reference, reference, succeeded, least, part, most, altogether): which limit of Microsoft's a
-- job has crossed: total, count or share; else watched, from which number of failures on the share is looked at, or
-- below. Microsoft calls the numbers approximate, so each can be given.
create or replace macro quarantine_verdict(
    non_reference, reference, succeeded, least := 5000, part := 0.4, most := 40000, altogether := 60000
) as
    case
        when non_reference + reference > altogether then 'total'
        when non_reference > most then 'count'
        when non_reference >= least and non_reference > part * (non_reference + succeeded) then 'share'
        when non_reference >= least then 'watched'
        else 'below'
    end;

-- job_condition(state, schedule_state): a job's condition by Graph's state and its schedule. Graph's state of one that
-- Entra has switched off is not documented, so the schedule decides.
create or replace macro job_condition(state, schedule_state) as
    case
        when state = 'Quarantine' then 'quarantined'
        when schedule_state = 'Disabled' and state <> 'NotConfigured' then 'switched_off'
        when state = 'Paused' or schedule_state = 'Paused' then 'paused'
        when state in ('NotRun', 'NotConfigured') then 'never_run'
        when state = 'Active' then 'healthy'
        else 'unknown'
    end;

-- recent_cycles(as_of): one row per cycle of the last twelve of a job that had ended at an instant.
--   job_id    the job
--   kind      initial, incremental, restarted or steady
--   ended_at  its end
--   ago       its place from the newest, from 1
--   apart_s   seconds since the end of the one before
create or replace macro recent_cycles(as_of) as table
select
    job_id,
    kind,
    ended_at,
    row_number() over (partition by job_id order by ended_at desc, cycle_id) as ago,
    date_diff('second', lag(ended_at) over (partition by job_id order by ended_at, cycle_id), ended_at) as apart_s
from cycles
where ended_at <= as_of and job_id is not null
qualify ago <= 12;

-- waiting_slopes(recent, waits): one row per job of three recent_cycles at least, with the slopes of what waited between
-- all pairs of them; waits are escrows. Three cycles make three pairs; fewer tell no slope.
--   job_id      the job
--   own_slopes  failures without unresolved references more in a cycle
--   all_slopes  failures more in a cycle
create or replace macro waiting_slopes(recent, waits) as table
with counted as (
    select
        l.job_id,
        l.ago,
        count(w.job_id) filter (where not w.is_reference) as non_reference,
        count(w.job_id) as altogether_open
    from query_table(recent) l
    left join query_table(waits) w on w.job_id = l.job_id and w.opened_at <= l.ended_at and w.closed_at > l.ended_at
    group by l.job_id, l.ago
)
select
    a.job_id,
    list((a.non_reference - b.non_reference) / (b.ago - a.ago)) as own_slopes,
    list((a.altogether_open - b.altogether_open) / (b.ago - a.ago)) as all_slopes
from counted a
join counted b on b.job_id = a.job_id and b.ago > a.ago
group by a.job_id
having count(*) >= 3;

-- objects_in_order(waits, as_of): one row per job in which an escrow of a table is open, with the objects in order.
--   job_id   the job
--   objects  how many
create or replace macro objects_in_order(waits, as_of) as table
with jobs as (
    select distinct job_id, hash(job_id) as job from query_table(waits) where closed_at > as_of
)
select any_value(j.job_id) as job_id, count(*) as objects
from (
    -- The newest footing and whether it is in order, as one number: a text would take twice as long.
    select any_value(job) as job, max(order_key::ubigint * 2 + coalesce(footing in ('in', 'gone'), false)::ubigint) % 2 as fits
    from (select hash(job_id) as job, object, order_key, footing from footings where occurred_at <= as_of)
    where job in (select job from jobs)
    group by object
) o
join jobs j on j.job = o.job
where o.fits = 1
group by o.job;

-- headrooms(as_of, least, part, most, altogether): one row per job and limit: how far it is from it, and how many
-- cycles of the present slope are left, as of an instant. The slope is the median of the slopes between all pairs of
-- the last twelve cycles (Theil and Sen), its band their quantiles. The share's limit is given as a number of
-- failures, if the number of objects that are in order stays.
--   job_id          the job
--   app_name        the app's name
--   measure         share, count or total
--   reached         failures that count for it
--   at_most         the limit
--   headroom        failures left
--   per_cycle       failures more in a cycle; null from fewer than three cycles
--   per_cycle_low   the slope's tenth percentile
--   per_cycle_high  the slope's ninetieth percentile
--   cycles_left     cycles until the limit at the slope; null where it is not reached
--   cycles_least    the same at the high slope
--   cycles_most     the same at the low slope
--   crosses_at      when that is
--   verdict         total, count, share, watched or below
--   non_reference   open failures without unresolved references
--   reference       open failures of unresolved references
--   succeeded       objects in order, of jobs with open failures
--   oldest_at       the oldest open failure
--   whole           whether the newest cycle looks at everything
create or replace macro headrooms(as_of, least := 5000, part := 0.4, most := 40000, altogether := 60000) as table
with recent as materialized (
    from recent_cycles(as_of)
), waits as materialized (
    select job_id, opened_at, coalesce(closed_at, timestamp 'infinity') as closed_at, is_reference
    from pending_retries
    where opened_at <= as_of
), present as (
    select
        job_id,
        count(*) filter (where not is_reference and closed_at > as_of) as non_reference,
        count(*) filter (where is_reference and closed_at > as_of) as reference,
        min(opened_at) filter (where closed_at > as_of) as oldest_at
    from waits
    group by job_id
), job_names as (
    select job_id, max(app_name) as app_name from hourly_parts where "hour" <= as_of group by job_id
), jobs as (
    select
        t.job_id,
        t.app_name,
        coalesce(p.non_reference, 0) as non_reference,
        coalesce(p.reference, 0) as reference,
        p.oldest_at,
        coalesce(f.objects, 0) as succeeded,
        s.own_slopes,
        s.all_slopes,
        c.cycle_s,
        coalesce(c.newest_kind in ('initial', 'restarted'), false) as whole
    from job_names t
    left join present p using (job_id)
    left join objects_in_order('waits', as_of) f using (job_id)
    left join waiting_slopes('recent', 'waits') s using (job_id)
    left join (
        select job_id, median(apart_s) as cycle_s, arg_min(kind, ago) as newest_kind from recent group by job_id
    ) c using (job_id)
), measured as (
    select *, 'share' as measure, non_reference as reached, greatest(least, floor(part / (1 - part) * succeeded) + 1)::bigint
        as at_most, own_slopes as pair_slopes
    from jobs
    union all
    select *, 'count', non_reference, most + 1, own_slopes from jobs
    union all
    select *, 'total', non_reference + reference, altogether + 1, all_slopes from jobs
), sloped as (
    select
        *,
        list_median(pair_slopes) as per_cycle,
        list_aggregate(pair_slopes, 'quantile_cont', 0.1) as per_cycle_low,
        list_aggregate(pair_slopes, 'quantile_cont', 0.9) as per_cycle_high
    from measured
)
select
    job_id,
    app_name,
    measure,
    reached,
    at_most,
    greatest(at_most - reached, 0) as headroom,
    per_cycle,
    per_cycle_low,
    per_cycle_high,
    case when reached >= at_most then 0 when per_cycle > 0 then ceil((at_most - reached) / per_cycle) end as cycles_left,
    case when reached >= at_most then 0 when per_cycle_high > 0 then ceil((at_most - reached) / per_cycle_high) end
        as cycles_least,
    case when reached >= at_most then 0 when per_cycle_low > 0 then ceil((at_most - reached) / per_cycle_low) end
        as cycles_most,
    case when reached < at_most and per_cycle > 0 then
        after_s(as_of, ceil((at_most - reached) / per_cycle) * cycle_s) end as crosses_at,
    quarantine_verdict(non_reference, reference, succeeded, least := least, part := part, most := most,
        altogether := altogether) as verdict,
    non_reference,
    reference,
    succeeded,
    oldest_at,
    whole
from sloped;
