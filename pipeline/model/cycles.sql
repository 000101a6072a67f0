-- What follows of a job's iterations, running and past. Read after derived.sql; a view uses those above it.

-- cycle_rows: what the events of a table add to each cycle.
create or replace macro cycle_rows(source) as table
select *, len(object_keys) as objects
from (
    select
        job_id,
        cycle_id,
        max(app_name) as app_name,
        min(occurred_at) as began_at,
        max(occurred_at) as ended_at,
        count(*) as events,
        count(*) filter (where status = 'success') as succeeded,
        count(*) filter (where status = 'failure') as failed,
        count(*) filter (where status = 'skipped') as skipped,
        count(*) filter (where status = 'warning') as warnings,
        sum(duration_ms) as worked_ms,
        sum(retry_count) as retries,
        coalesce(list(distinct hash(source_id)) filter (where source_id is not null), []) as object_keys
    from query_table(source)
    where cycle_id is not null
    group by job_id, cycle_id
);

-- executions: one run of a job as Graph reported it when it was over; the log alone says neither beginning nor end.
create or replace view executions as
select
    job_id,
    last_began_at as began_at,
    last_ended_at as ended_at,
    arg_min(app_name, observed_at) as app_name,
    arg_min(last_state, observed_at) as state,
    arg_min(escrowed, observed_at) as escrowed,
    arg_min(exported, observed_at) as exported,
    arg_min(imported, observed_at) as imported,
    min(observed_at) as seen_at
from job_snapshots
where job_id is not null and last_began_at <= last_ended_at
group by job_id, last_began_at, last_ended_at;

-- cycles: one iteration of a job, from its events, its execution or both. They belong together by their times: that
-- Graph's activity id is the log's cycle id is not documented. An execution without an event is a cycle as well.
create or replace view cycles as
with logged as (
    select
        job_id,
        cycle_id,
        max(app_name) as app_name,
        min(began_at) as first_event_at,
        max(ended_at) as last_event_at,
        sum(events)::bigint as events,
        sum(objects)::bigint as objects,
        count(*) as parts,
        sum(succeeded)::bigint as succeeded,
        sum(failed)::bigint as failed,
        sum(skipped)::bigint as skipped,
        sum(warnings)::bigint as warnings,
        sum(worked_ms)::bigint as worked_ms,
        sum(retries)::bigint as retries
    from cycle_parts
    group by job_id, cycle_id
), united as (
    -- Only the cycles that several transactions brought need their objects united.
    select job_id, cycle_id, len(list_distinct(flatten(list(object_keys)))) as objects
    from cycle_parts
    where (job_id, cycle_id) in (select (job_id, cycle_id) from logged where parts > 1)
    group by job_id, cycle_id
), placed as (
    -- An event's instant is floored to the second, so an execution is taken from the beginning of its own.
    select
        e.*,
        case when l.last_event_at >= date_trunc('second', e.began_at) then l.cycle_id end as cycle_id
    from executions e
    asof left join (select job_id, cycle_id, first_event_at, last_event_at from logged) l
        on e.job_id = l.job_id and e.ended_at >= l.first_event_at
), reported as (
    select
        job_id,
        cycle_id,
        min(began_at) as began_at,
        max(ended_at) as ended_at,
        arg_max(state, ended_at) as state,
        arg_max(escrowed, ended_at) as escrowed
    from placed
    where cycle_id is not null
    group by job_id, cycle_id
), every as (
    -- An execution widens its cycle, though never into the cycle before or after.
    select
        l.* exclude (parts) replace (coalesce(u.objects, l.objects) as objects),
        case when r.job_id is null then first_event_at
            else least(first_event_at, greatest(r.began_at, lag(last_event_at) over job)) end as began_at,
        case when r.job_id is null then last_event_at
            else greatest(last_event_at, least(r.ended_at, lead(first_event_at) over job)) end as ended_at,
        r.state,
        r.escrowed,
        null::bigint as exported,
        case when r.job_id is null then 'log' else 'both' end as seen_by,
        row_number() over job as ordinal
    from logged l
    left join reported r on r.job_id = l.job_id and r.cycle_id = l.cycle_id
    left join united u on u.job_id is not distinct from l.job_id and u.cycle_id = l.cycle_id
    window job as (partition by l.job_id order by first_event_at, l.cycle_id)
    union all by name
    select
        job_id,
        strftime(began_at, 'execution-%Y%m%dT%H%M%S.%g') as cycle_id,
        app_name,
        0 as events,
        0 as objects,
        0 as succeeded,
        0 as failed,
        0 as skipped,
        0 as warnings,
        began_at,
        ended_at,
        state,
        escrowed,
        exported,
        'status' as seen_by
    from placed
    where cycle_id is null
), steadiness as (
    -- When Graph said that the job became steady, and until when it said so; a restart takes it back or makes it later.
    select
        job_id,
        list({'until': until, 'since': steady_since} order by until) as told,
        arg_max(steady_since, until) as newest,
        min(steady_since) as first_steady_at,
        max(held) as held
    from (
        select
            job_id,
            steady_since,
            max(observed_at) as until,
            max(coalesce(users, 0) + coalesce(groups, 0)) as held
        from job_snapshots
        group by job_id, steady_since
    )
    group by job_id
), judged as (
    select
        c.*,
        s.job_id is not null as asked,
        s.first_steady_at,
        s.held,
        case when s.told[-1].until > c.ended_at then list_filter(s.told, lambda t: t.until >= c.ended_at)[1].since
            else s.newest end as steady_since
    from every c
    left join steadiness s on s.job_id = c.job_id
)
select
    c.job_id,
    c.cycle_id,
    c.app_name,
    c.began_at,
    c.ended_at,
    case
        when not c.asked then case when c.ordinal = 1 then 'initial' end
        when coalesce(c.steady_since > c.began_at, true)
            then case when c.first_steady_at < c.began_at then 'restarted' else 'initial' end
        -- Whoever touches most of what is there reads everything anew: a restart that left the steady state alone.
        when c.objects >= 50 and c.objects >= 0.8 * c.held and c.held > 0 then 'restarted'
        when c.events = 0 and coalesce(c.state, '') <> 'Failed' and coalesce(c.exported, 0) = 0 then 'steady'
        else 'incremental'
    end as kind,
    case
        when c.state = 'Failed' or c.events = 0 then c.state
        when c.failed = 0 then 'Succeeded'
        when c.succeeded + c.warnings = 0 then 'Failed'
        else 'EntryLevelErrors'
    end as outcome,
    c.events,
    c.objects,
    c.succeeded,
    c.failed,
    c.skipped,
    c.warnings,
    date_diff('millisecond', c.began_at, c.ended_at) as duration_ms,
    c.seen_by,
    c.first_event_at,
    c.last_event_at,
    c.worked_ms,
    c.retries,
    c.escrowed
from judged c;

-- quantile_of: the value below which a share of what comes next lies, from a sorted list of what came before. The ranks
-- are those of one value more, so that few make a wide band; between two it interpolates, beyond them all it is null.
create or replace macro quantile_of(sorted, share) as
    case
        when (len(sorted) + 1) * share between 1 and len(sorted)
            then sorted[floor((len(sorted) + 1) * share)::bigint]
                + ((len(sorted) + 1) * share - floor((len(sorted) + 1) * share))
                * (sorted[ceil((len(sorted) + 1) * share)::bigint] - sorted[floor((len(sorted) + 1) * share)::bigint])
    end;

-- instant_of: an instant as a sentence has it.
create or replace macro instant_of(moment) as strftime(moment, '%-d %b %H:%M UTC');

-- after_s: the instant so many seconds later, to the microsecond.
create or replace macro after_s(moment, seconds) as moment + to_microseconds((seconds * 1000000)::bigint);

-- runs: each job as Graph last told of it, and the cycle under way, as far as both were known at an instant.
-- A run is under way while Graph gives its pages, or its beginning without an end; or while the log has a cycle later
-- than the last finished execution. When the log is quiet and Graph was not asked for long, nobody knows: it is not.
create or replace macro runs(as_of, grace) as table
with said as (
    select job_id, observed_at, state, steady_since, completed_units, total_units, progress_unit, progress_at
    from job_snapshots
    where observed_at <= as_of and job_id is not null
), latest as (
    select *, coalesce(last_ended_at, timestamp '-infinity') as over_at
    from job_snapshots
    where (job_id, observed_at) in (
        select (job_id, max(observed_at)) from job_snapshots where observed_at <= as_of group by job_id)
    qualify row_number() over (partition by job_id order by snapshot_id) = 1
), polls as (
    select
        job_id,
        s.observed_at,
        s.completed_units,
        s.total_units,
        s.progress_unit,
        max(s.completed_units) over past as most,
        max(s.completed_units) over (past rows between unbounded preceding and 1 preceding) as before
    from said s
    join latest l using (job_id)
    where s.observed_at > l.over_at and s.total_units > 0 and coalesce(s.progress_at, s.observed_at) > l.over_at
    window past as (partition by job_id order by s.observed_at)
), pages as (
    select
        job_id,
        min(observed_at) as first_at,
        max(observed_at) as told_at,
        max(observed_at) filter (where completed_units > coalesce(before, -1)) as moved_at,
        max(completed_units) as done,
        arg_max(total_units, observed_at) as total,
        max(completed_units / total_units) as share,
        arg_max(completed_units / total_units, observed_at) as told_share,
        arg_max(progress_unit, observed_at) as unit,
        count(*) filter (where still) as polls_since
    from (
        select *, completed_units <= before and before = max(most) over (partition by job_id) as still
        from polls
    )
    group by job_id
), begun as (
    -- A cycle of which a run that is over had the first event is over as well, even if an instant is off by a second. Of a
    -- job whose status was not read for long there may be many; the newest is among the last three.
    select job_id, p.cycle_id
    from cycle_parts p
    join latest l using (job_id)
    where p.began_at <= as_of
    group by job_id, p.cycle_id
    having min(p.began_at) > max(l.over_at)
    qualify row_number() over (partition by job_id order by min(p.began_at) desc, p.cycle_id) <= 3
), logged as (
    select
        job_id,
        e.cycle_id,
        min(e.occurred_at) as first_at,
        max(e.occurred_at) as last_at,
        count(*) as events,
        count(distinct e.source_id) as objects
    from events e
    join begun b using (job_id, cycle_id)
    where e.occurred_at <= as_of and e.occurred_at > as_of - interval 14 day
    group by job_id, e.cycle_id
    qualify row_number() over (partition by job_id order by last_at desc, e.cycle_id) = 1
), earlier as (
    select
        job_id,
        max(s.observed_at) filter (where s.state is distinct from l.state) as other_at,
        min(s.steady_since) as first_steady_at
    from said s
    join latest l using (job_id)
    group by job_id
), stretch as (
    select job_id, min(s.observed_at) as state_since
    from said s
    join earlier e using (job_id)
    where s.observed_at > coalesce(e.other_at, timestamp '-infinity')
    group by job_id
), judged as (
    select
        l.*,
        t.state_since,
        e.first_steady_at,
        -- Graph counts who is assigned when a run is over; in a first cycle nobody knows.
        case when l.last_ended_at is not null then nullif(greatest(l.entitled, l.users + l.groups), 0) end as assigned,
        p.* exclude (job_id) rename (first_at as pages_from),
        g.* exclude (job_id),
        -- Without pages or an execution, the log speaks for half the grace after its last event.
        g.last_at >= as_of - to_seconds(grace // 2)
            or (as_of <= l.observed_at + to_seconds(greatest(l.interval_s, grace)) and coalesce(
                (l.total_units > 0 and p.told_at = l.observed_at and coalesce(g.first_at <= l.observed_at, true))
                or (l.last_began_at > l.over_at)
                or (g.last_at <= l.observed_at), false)) as under_way
    from latest l
    join earlier e using (job_id)
    join stretch t using (job_id)
    left join pages p using (job_id)
    left join logged g using (job_id)
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
from judged;

-- rhythms: whether each job keeps its own interval, judged when it was last asked about, since what came later is not
-- known. The interval is counted from the last run's end: whether Entra counts from its beginning is not documented.
create or replace macro rhythms(as_of, grace) as table
with known as (
    select
        coalesce(r.job_id, e.job_id) as job_id,
        coalesce(r.tenant_id, e.tenant_id) as tenant_id,
        coalesce(r.app_name, e.app_name, r.job_id, e.job_id) as app_name,
        r.* exclude (job_id, tenant_id, app_name),
        r.last_ended_at + to_seconds(r.interval_s) as due_at,
        r.last_ended_at + to_seconds(r.interval_s + grace) as late_at,
        r.last_ended_at + to_seconds(2 * r.interval_s + grace) as dead_at,
        -- Three readings without a page more, or the grace without an event where Graph gives no pages.
        r.under_way and coalesce(r.polls_since >= 3 and r.observed_at >= r.moving_at + to_seconds(grace // 2),
            r.observed_at >= r.moving_at + to_seconds(grace), false) as stuck
    from runs(as_of, grace) r
    full join (
        select job_id, max(tenant_id) as tenant_id, max(app_name) as app_name
        from hourly_parts
        where "hour" <= as_of
        group by job_id
    ) e using (job_id)
), stated as (
    select
        *,
        case
            when observed_at is null
                or as_of > observed_at + to_seconds(greatest(2 * coalesce(interval_s, 0), 7200) + grace) then 'unknown'
            when state = 'Quarantine' or quarantine_since is not null then 'quarantined'
            when 'Disabled' in (state, schedule_state) then 'disabled'
            when 'Paused' in (state, schedule_state) then 'paused'
            when stuck then 'stalled'
            when under_way then 'running'
            when state in ('NotRun', 'NotConfigured') then 'never_run'
            when due_at is null then 'unknown'
            when observed_at > dead_at then 'dead'
            when observed_at > late_at then 'late'
            else 'on_time'
        end as rhythm
    from known
)
select
    *,
    case rhythm
        when 'unknown' then observed_at
        when 'quarantined' then coalesce(quarantine_since, state_since)
        when 'stalled' then moving_at
        when 'running' then began_at
        when 'dead' then dead_at
        when 'late' then late_at
        when 'on_time' then last_ended_at
        else state_since
    end as since,
    case rhythm
        when 'unknown' then case
            when observed_at is null then 'Graph was never asked about this job; without that, silence says nothing.'
            when due_at is not null or interval_s is not null
                then 'Not asked since ' || instant_of(observed_at) || '; what the job did after that is not known.'
            else 'Graph gives no interval for this job, or no run; whether one is missing cannot be told.' end
        when 'quarantined' then 'Entra holds the job in quarantine and tries it ever less often'
            || coalesce(', next ' || instant_of(next_attempt_at), '') || '.'
        when 'disabled' then 'The job is switched off; nothing is provisioned.'
        when 'paused' then 'The job is paused; nothing is provisioned until somebody starts it.'
        when 'stalled' then 'A cycle runs, and nothing in it has moved since ' || instant_of(moving_at) || '.'
        when 'running' then 'A cycle runs' || coalesce(' since ' || instant_of(began_at), '') || '.'
        when 'never_run' then 'The job has not finished a run yet.'
        when 'dead' then 'Two runs are missing: the last ended ' || instant_of(last_ended_at)
            || ', and one is due every ' || interval_s // 60 || ' minutes.'
        when 'late' then 'The run due ' || instant_of(due_at) || ' was not there ' || instant_of(observed_at) || '.'
        else 'The last run ended ' || instant_of(last_ended_at) || '; the next is due ' || instant_of(due_at) || '.'
    end as explanation
from stated;

-- expectations: rhythms, and for each cycle under way how much there is to do, how fast it usually goes, and between
-- which instants it ends in four of five cases. Past cycles of the same job and kind tell, where Graph gave their end.
create or replace macro expectations(as_of, grace) as table
with known as (
    from rhythms(as_of, grace)
), running as (
    select
        *,
        coalesce(first_event_at, began_at) as start_at,
        kind in ('initial', 'restarted') as whole,
        -- What a steady pace would make of the pages done when Graph last told.
        epoch(told_at - coalesce(first_event_at, began_at)) / nullif(told_share, 0) as paced_s
    from known
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
        min(abs(s.completed_units / s.total_units - r.told_share)) as apart,
        arg_min(
            epoch(p.ended_at - p.start_at) / (epoch(s.observed_at - p.start_at) * s.total_units / s.completed_units),
            abs(s.completed_units / s.total_units - r.told_share)) as ratio
    from past p
    join running r using (job_id)
    join job_snapshots s on s.job_id = p.job_id and s.observed_at > p.start_at and s.observed_at <= p.ended_at
    where s.total_units > 0 and s.completed_units > 0 and abs(s.completed_units / s.total_units - r.told_share) <= 0.25
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
from known k
left join chosen c using (job_id)
left join phases p using (job_id);
