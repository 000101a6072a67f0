-- Credentials: when a token ends, since when it is refused, and what an end would leave undone.

-- token_ends(as_of): one row per app whose token's end is known: by the newest entry up to an instant; where there was
-- none by then, by the newest there is. An app whose newest entry is that nobody knows is left out.
--   app_name     the app's name
--   expires_at   when the token ends
--   recorded_by  who entered it
--   recorded_at  when
--   note         a remark
create or replace macro token_ends(as_of) as table
select app_name, expires_at, recorded_by, recorded_at, note
from (
    from tokens
    qualify row_number() over (
        partition by app_name order by recorded_at <= as_of desc, recorded_at desc, expires_at desc nulls last
    ) = 1
)
where expires_at is not null;

-- refusals(as_of): one row per app with a log of its own: the last call with a good answer as of an instant, and the
-- 401 and 403 since, of the thirty days before.
--   app_id        the app; empty where the log names none
--   last_good_at  the last good answer
--   refused_at    the first refusal since
--   newest_at     the newest refusal
--   refusals      how many
--   http_status   the newest one's status
--   detail        the newest one's text
create or replace macro refusals(as_of) as table
with calls as (
    select coalesce(app_id, '') as app_id, occurred_at, http_status, detail
    from entra_calls(as_of - interval 30 day, as_of)
    where http_status is not null
), good as (
    select app_id, max(occurred_at) filter (where http_status between 200 and 299) as last_good_at
    from calls
    group by app_id
), since_then as (
    select c.app_id, c.occurred_at, c.http_status, c.detail
    from calls c
    join good g using (app_id)
    where c.http_status in (401, 403) and (g.last_good_at is null or c.occurred_at > g.last_good_at)
)
select
    g.app_id,
    any_value(g.last_good_at) as last_good_at,
    min(s.occurred_at) as refused_at,
    max(s.occurred_at) as newest_at,
    count(s.occurred_at) as refusals,
    arg_max(s.http_status, s.occurred_at) as http_status,
    arg_max(s.detail, s.occurred_at) as detail
from good g
left join since_then s using (app_id)
group by g.app_id;

-- arrivals(as_of, app): one row per new task of an app's jobs in the eight weeks before an instant: people to create,
-- change, disable or delete, and memberships to change. A retry is not new; cycles that look at everything are left
-- out.
--   job_id       the job
--   occurred_at  when it happened
--   kind         create, update, disable, delete or membership
--   things       one, or how many memberships
create or replace macro arrivals(as_of, app) as table
with attempts as (
    select
        job_id,
        cycle_id,
        occurred_at,
        "action",
        status,
        lower(coalesce(source_type, '')) like '%group%' as is_group,
        case when coalesce(len(changes), 0) = 0 then 1
            else len(list_filter(changes, lambda c: c.attribute like 'members%')) end as members,
        coalesce(
            lag(status) over (
                partition by job_id, source_id, "action" order by order_of(occurred_at, event_id, "action", status)),
            case when retry_count > 0 then 'failure' else 'none' end
        ) as before
    from events
    where occurred_at > as_of - interval 56 day and occurred_at <= as_of
        and status in ('success', 'failure', 'warning')
        and "action" in ('create', 'update', 'disable', 'delete')
        and job_id in (select job_id from hourly_parts where app_name = app)
)
select
    job_id,
    occurred_at,
    case when is_group then 'membership' else "action" end as kind,
    case when is_group then members else 1 end as things
from attempts a
where before <> 'failure'
    and (not is_group or ("action" = 'update' and members > 0))
    and not exists (
        select 1 from cycles c
        where c.job_id = a.job_id and c.cycle_id = a.cycle_id and c.kind in ('initial', 'restarted')
    )
    -- Whether a first known cycle was initial no log tells, so without a status it counts as little.
    and (a.job_id, a.cycle_id) not in (
        select (job_id, arg_min(cycle_id, began_at)) from cycles where kind is null group by job_id
    );

-- arrival_rates(as_of, app): one row per kind and hour of the week: how much of it an app's jobs are given, from the
-- complete hours of the eight weeks before an instant, up to a quarantine that is still open: what piles up behind
-- that is not seen yet. Each rate is that of its hour, drawn towards the average hour as if one week more had been an
-- average one: the mean of a gamma distribution.
--   kind        create, update, disable, delete or membership
--   cell        the hour of the week, 0 to 167, from Sunday 00:00 UTC
--   rate        how many in that hour
--   weeks       weeks of complete hours behind it
--   dispersion  how much more a day varies than a Poisson count would, as a share of its square
create or replace macro arrival_rates(as_of, app) as table
with app_job_ids as (
    select distinct job_id from hourly_parts where app_name = app
), open_quarantine as (
    select min(opened_at) as opened_at
    from quarantines
    where job_id in (from app_job_ids) and opened_at <= as_of and coalesce(closed_at > as_of, true)
), hours as materialized (
    select h."hour", (dayofweek(h."hour") * 24 + "hour"(h."hour"))::integer as cell
    from hours_of(as_of - interval 56 day, as_of) h
    cross join open_quarantine q
    where h.source = 'events' and h.job_id in (from app_job_ids)
        and h."hour" + interval 1 hour <= coalesce(least(q.opened_at, as_of), as_of)
    group by h."hour"
    having bool_and(h.state = 'complete')
), hourly_arrivals as materialized (
    select k.kind, h."hour", h.cell, coalesce(a.things, 0) as things
    from hours h
    cross join (select unnest(['disable', 'delete', 'create', 'update', 'membership']) as kind) k
    left join (
        select kind, date_trunc('hour', occurred_at) as "hour", sum(things) as things
        from arrivals(as_of, app)
        group by all
    ) a on a.kind = k.kind and a."hour" = h."hour"
), usual as (
    select kind, (sum(things) + 0.5) / count(*) as average, count(*) / 168 as weeks from hourly_arrivals group by kind
), rates as materialized (
    select u.kind, c.cell, any_value(u.weeks) as weeks,
        (coalesce(sum(g.things), 0) + any_value(u.average)) / (count(g.cell) + 1) as rate
    from usual u
    cross join (select unnest(range(168))::integer as cell) c
    left join hourly_arrivals g on g.kind = u.kind and g.cell = c.cell
    group by u.kind, c.cell
), days as (
    select g.kind, any_value(r.weeks) as weeks, sum(g.things) as things, sum(r.rate) as expected
    from hourly_arrivals g
    join rates r on r.kind = g.kind and r.cell = g.cell
    group by g.kind, date_trunc('day', g."hour")
), uneven as (
    -- Rates that were drawn from the same days lie nearer to them than true ones would; the factor makes up for it.
    select kind, greatest(0, (sum((things - expected) ** 2) * any_value((weeks + 1) / weeks) - sum(expected))
        / sum(expected ** 2)) as dispersion
    from days
    group by kind
)
select r.kind, r.cell, r.rate, r.weeks, u.dispersion
from rates r
join uneven u using (kind);

-- expiry_costs(as_of, app, ends, renewed): one row per kind: how much an app's jobs will not do from one instant to
-- another. The count is gamma-Poisson by day, and the rates are known from few weeks only; both make its variance. The
-- 80 % range is exact for a negative binomial of that mean and variance: no quantile of it lies three standard
-- deviations beyond the mean (Cantelli).
--   kind      create, update, disable, delete or membership
--   weeks     weeks of complete hours behind it
--   expected  the mean
--   variance  the variance
--   low       the tenth percentile
--   high      the ninetieth percentile
create or replace macro expiry_costs(as_of, app, ends, renewed) as table
with parts as (
    select
        "hour",
        (dayofweek("hour") * 24 + "hour"("hour"))::integer as cell,
        (epoch(least("hour" + interval 1 hour, renewed)) - epoch(greatest("hour", ends))) / 3600 as share
    from (select unnest(generate_series(date_trunc('hour', ends), renewed, interval 1 hour)) as "hour")
    where "hour" < renewed
), days as (
    select r.kind, any_value(r.weeks) as weeks, any_value(r.dispersion) as dispersion, sum(r.rate * p.share) as expected,
        sum(p.share) as hours
    from arrival_rates(as_of, app) r
    join parts p on p.cell = r.cell
    group by r.kind, date_trunc('day', p."hour")
), moments as (
    select
        kind,
        any_value(weeks) as weeks,
        sum(expected) as expected,
        greatest(
            sum(expected + dispersion * expected ** 2) * (1 + greatest(1, sum(hours) / 168) / (any_value(weeks) + 1)),
            sum(expected) * 1.0001
        ) as variance
    from days
    group by kind
), shaped as (
    select *, expected ** 2 / (variance - expected) as size from moments
), sums as (
    select
        kind,
        n,
        sum(exp(lgamma(n + size) - lgamma(size) - lgamma(n + 1) + size * ln(expected / variance)
            + n * ln(1 - expected / variance))) over (partition by kind order by n) as up_to
    from (select *, unnest(range(0, ceil(expected + 3 * sqrt(variance))::bigint + 2)) as n from shaped)
)
select
    m.kind,
    m.weeks,
    m.expected,
    m.variance,
    min(s.n) filter (where s.up_to >= 0.1) as low,
    min(s.n) filter (where s.up_to >= 0.9) as high
from moments m
join sums s using (kind)
group by m.kind, m.weeks, m.expected, m.variance;
