-- Why were users and groups skipped, and which skips need attention?
--
-- Title    Skip reasons
-- Topic    Scope and skips
--
-- A person counts once for each kind, in each app.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   wants           `nobody` (both sides match), as intended (out of scope by a rule) or `somebody` (needs action)
--   kind            why, in a word
--   objects         people and groups skipped for it
--   waiting         of those, the ones whose newest skip it is and that were not written since
--   skips           skipped events
--   sentence        the newest one, in a sentence
--   cure            what to do if it is not expected
--   attributes      the attributes that are missing
--   apps            the applications
--   last_seen_at    the newest
with chosen_skips as (
    select object, kind, order_key, occurred_at, app_name, attribute
    from skips
    where occurred_at >= $since
        and occurred_at < $until
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
), skipped as (
    select object, kind, max(order_key) as order_key, count(*) as skips, max(occurred_at) as last_seen_at
    from chosen_skips
    group by object, kind
), object_states as (
    select object, arg_max(state, state_key) = 'skipped' as is_skipped
    from identity_parts
    group by object
), waits as (
    select s.*, i.is_skipped and s.order_key = max(s.order_key) over (partition by s.object) as waits
    from skipped s
    left join object_states i on i.object = s.object
), kinds as (
    select kind, count(*) as objects, count(*) filter (where waits) as waiting, sum(skips)::bigint as skips,
        max(order_key) as order_key, max(last_seen_at) as last_seen_at,
        make_timestamp((max(order_key) // 2147483648) * 1000000) as occurred_at
    from waits
    group by kind
), named as (
    select kind, string_agg(distinct attribute, ', ' order by attribute) as attributes,
        string_agg(distinct app_name, ', ' order by app_name) as apps
    from (select distinct kind, attribute, app_name from chosen_skips)
    group by kind
), newest as (
    select k.kind, any_value({'name': s."name", 'app_name': s.app_name, 'source_type': s.source_type,
        'attribute': s.attribute, 'clauses': s.clauses, 'reason': s.reason}) as skip
    from kinds k
    join skips s on s.kind = k.kind and s.order_key = k.order_key and s.occurred_at = k.occurred_at
    group by k.kind
)
select
    skip_attention(k.kind) as wants,
    k.kind,
    k.objects,
    k.waiting,
    k.skips,
    skip_sentence(k.kind, skip."name", coalesce(skip.app_name, 'the app'), skip.source_type, skip.attribute,
        skip.clauses, skip.reason) as sentence,
    skip_remedy(k.kind, coalesce(skip.app_name, 'the app'), skip.source_type, skip.attribute) as cure,
    n.attributes,
    n.apps,
    k.last_seen_at
from kinds k
join named n on n.kind = k.kind
join newest w on w.kind = k.kind
order by wants = 'somebody' desc, wants = 'as intended' desc, objects desc, k.kind
