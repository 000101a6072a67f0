-- What is different inside this stretch?
--
-- Title    Differences in the selected period
-- Topic    Failures and issues
--
-- What went wrong inside is held against what went wrong in the rest of the window, in every dimension. Ratios have
-- Katz's 95 % interval; the surest differences come first, by the end of the interval that is nearer to one.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $begins    TIMESTAMP         start of the stretch, inclusive
--   $ends      TIMESTAMP         end of the stretch, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   dimension        what failures are grouped by
--   value            one of its values
--   inside           how often it went wrong so inside
--   inside_all       how often it went wrong inside at all
--   baseline         how often so in the rest of the window
--   baseline_all     how often at all there
--   inside_share     inside of inside_all
--   baseline_share   baseline of baseline_all
--   ratio            how many times as common it is inside
--   ratio_low        the low end of the interval
--   ratio_high       its high end
with chosen_problems as (
    select p.*, p.occurred_at >= $begins and p.occurred_at < $ends as within, e.attributes
    from problems p
    left join (
        select job_id, event_id, list_distinct(list_transform(changes, lambda c: c.attribute)) as attributes
        from events
        where occurred_at >= $since and occurred_at < $until and status in ('failure', 'skipped') and len(changes) > 0
    ) e on e.event_id = p.event_id and e.job_id is not distinct from p.job_id
    where p.occurred_at >= $since
        and p.occurred_at < $until
        and ($job is null or p.job_id = $job)
        and of_tenant($tenant, p.tenant_id, p.job_id)
), chosen_causes as materialized (
    select
        job_id,
        fingerprint,
        any_value(code) as code,
        any_value(http_status) as http_status,
        any_value(scim_type) as scim_type,
        any_value(detail) as detail,
        arg_max("action", order_key) as "action"
    from chosen_problems
    group by job_id, fingerprint
), traits as (
    select within, unnest([
        {'dimension': 'App', 'value': app_name},
        {'dimension': 'Action', 'value': "action"},
        {'dimension': 'Status', 'value': status},
        {'dimension': 'Code', 'value': code},
        {'dimension': 'HTTP status', 'value': http_status::varchar},
        {'dimension': 'SCIM error', 'value': scim_type},
        {'dimension': 'Step', 'value': step_type},
        {'dimension': 'Kind of object', 'value': source_type},
        {'dimension': 'Fault', 'value': owner_of(k.owner, category, step_type)},
        {'dimension': 'Attribute named', 'value': attribute},
        {'dimension': 'Message', 'value': detail},
        {'dimension': 'Hour of the day (UTC)', 'value': strftime(occurred_at, '%H:00')}
    ] || list_transform(coalesce(attributes, []), lambda a: {'dimension': 'Attribute changed', 'value': a})) as word
    from chosen_problems p
    left join causes_of('chosen_causes') k on k.job_id is not distinct from p.job_id and k.fingerprint = p.fingerprint
), counted as (
    select
        word.dimension as dimension,
        word.value as value,
        count(*) filter (where within) as a,
        count(*) filter (where not within) as c
    from traits
    where word.value is not null
    group by all
), sized as (
    select *, (select count(*) from chosen_problems where within) as n,
        (select count(*) from chosen_problems where not within) as m
    from counted
)
select
    dimension,
    value,
    a as inside,
    n as inside_all,
    c as baseline,
    m as baseline_all,
    a / n as inside_share,
    c / m as baseline_share,
    katz_ratio(a, n, c, m) as ratio,
    katz_low(a, n, c, m) as ratio_low,
    katz_high(a, n, c, m) as ratio_high
from sized
where n > 0 and m > 0
order by greatest(ratio_low, 1 / nullif(ratio_high, 0)) desc, abs(a / n - c / m) desc, dimension, value
limit 100
