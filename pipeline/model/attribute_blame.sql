-- Which attribute tells those whom an issue hit from those for whom the same went well.

-- traits_of(value): what can be compared of one value, as words that others' values may share.
create or replace macro traits_of(value) as
    case
        when value is null then ['is missing']
        when trim(value) = '' then ['is empty']
        else list_filter([
            case
                when length(value) <= 2 then 'has 1 or 2 characters'
                when length(value) <= 64 then 'has ' || (pow(2, ceil(log2(length(value))) - 1)::bigint + 1) || ' to '
                    || pow(2, ceil(log2(length(value))))::bigint || ' characters'
                else 'has more than 64 characters'
            end,
            case
                when regexp_full_match(value, '\d+') then 'is digits only'
                when regexp_matches(value, '[^\x00-\x7F]') then 'has letters outside ASCII'
                when regexp_matches(value, '[^\w\s.,@''+:/-]') then 'has unusual signs'
                when regexp_full_match(value, '[A-Za-z]+') then 'is letters only'
            end,
            case when value <> trim(value) then 'begins or ends with a space' end,
            'is in the domain ' || nullif(lower(regexp_extract(value, '^[^@\s]+@([^@\s]+)$', 1)), '')
        ], lambda x: x is not null)
    end;

-- issue_cohorts(job, issue, since_at, until_at, most): one row per object: those that an issue hit in a stretch of
-- time, and up to `most` others of the same job and kind for which the same action succeeded; for a skip, whose create
-- or update did. Each with the event that shows it.
--   source_id  the object's id in Entra
--   failing    whether the issue hit it
--   event_id   the event
--   order_key  its place in the order of events, by order_of
--   action     what Entra meant to do
create or replace macro issue_cohorts(job, issue, since_at, until_at, most) as table
with failing as (
    select
        source_id,
        max(order_key) as order_key,
        arg_max(event_id, order_key) as event_id,
        arg_max("action", order_key) as "action",
        arg_max(status, order_key) as status,
        arg_max(source_type, order_key) as source_type
    from problems
    where job_id = job and fingerprint = issue and occurred_at >= since_at and occurred_at < until_at
    group by source_id
), others as (
    select
        source_id,
        max(order_of(occurred_at, event_id, "action", status)) as order_key,
        arg_max(event_id, order_of(occurred_at, event_id, "action", status)) as event_id,
        arg_max("action", order_of(occurred_at, event_id, "action", status)) as "action",
        hash(source_id) as chance
    from events
    where job_id = job
        and occurred_at >= since_at
        and occurred_at < until_at
        and status = 'success'
        and "action" in (
            select unnest(case when status = 'skipped' then ['create', 'update'] else ["action"] end) from failing)
        and source_type in (select source_type from failing)
        and source_id not in (select source_id from failing)
    group by source_id
), chosen as (
    select *, row_number() over (order by chance, source_id) as place from others
)
select source_id, true as failing, event_id, order_key, "action" from failing
union all
select source_id, false, event_id, order_key, "action" from chosen where place <= most;

-- issue_facts(job, issue, since_at, until_at, most): one row per object of issue_cohorts and attribute: what was read
-- from the source by that event or the newest one before it in that time, what a create wrote, and what an update
-- changed. A null is an attribute that others have.
--   source_id  the object's id in Entra
--   failing    whether the issue hit it
--   side       read, written or changed
--   attribute  the attribute
--   value      its value
create or replace macro issue_facts(job, issue, since_at, until_at, most) as table
with people as materialized (
    select * from issue_cohorts(job, issue, since_at, until_at, most)
), source_reads as materialized (
    select
        e.source_id,
        any_value(p.failing) as failing,
        arg_max_null(read.details, e.order_key) filter (where read.details is not null) as read,
        any_value(e.changes) filter (where e.event_id = p.event_id) as written,
        any_value(p."action") as "action"
    from (
        select
            source_id,
            event_id,
            order_of(occurred_at, event_id, "action", status) as order_key,
            changes,
            list_filter(steps, lambda s: s."type" = 'import' and s."name" like 'EntryImport%')[-1] as read
        from events
        where job_id = job
            and source_id in (select source_id from people)
            and occurred_at < until_at
            and occurred_at >= since_at
    ) e
    join people p on p.source_id = e.source_id and e.order_key <= p.order_key
    group by e.source_id
), facts as materialized (
    select source_id, failing, 'read' as side, pair.key as attribute, pair.value as value
    from (
        select source_id, failing, unnest(map_entries(json_transform(read, '"MAP(VARCHAR, VARCHAR)"'))) as pair
        from source_reads
    )
    where pair.key not in ('objectId', 'id', 'ReportableIdentifier')
    union all
    select source_id, failing, case when "action" = 'create' then 'written' else 'changed' end, c.attribute, c.new_value
    from (select source_id, failing, "action", unnest(written) as c from source_reads)
    where "action" = 'create' or c.attribute <> 'accountDisabled'
), people_sides as (
    select distinct source_id, failing, side from facts
)
select k.source_id, k.failing, k.side, a.attribute, f.value
from people_sides k
join (select distinct side, attribute from facts) a using (side)
left join facts f on f.source_id = k.source_id and f.side = k.side and f.attribute = a.attribute;

-- issue_traits(job, issue, since_at, until_at, most): one row per trait of an attribute: how many have it.
--   side       read, written or changed
--   attribute  the attribute
--   trait      the trait, as traits_of and issue_traits word it
--   a          those with the trait among whom the issue hit
--   c          those with the trait among the others
--   n          all whom the issue hit, with such facts
--   m          all others, with such facts
create or replace macro issue_traits(job, issue, since_at, until_at, most) as table
with facts as materialized (
    select *, count(*) over same > 1 as shared
    from issue_facts(job, issue, since_at, until_at, most)
    window same as (partition by side, attribute, value)
), people as (
    select
        side,
        count(distinct source_id) filter (where failing) as n,
        count(distinct source_id) filter (where not failing) as m
    from facts
    group by side
), kinds as (
    select side, attribute, count(distinct value) as "values", count(value) as filled from facts group by all
), seen as (
    select f.failing, f.side, f.attribute, unnest(case
        when f.side = 'changed' then case when f.value is null then [] else ['was changed'] end
        else list_filter(traits_of(f.value) || [
            case when f.shared and f.value is not null and k."values" >= 0.9 * k.filled then 'is shared with another user' end,
            case when k."values" between 2 and 20 and f.value <> '' then 'is ' || f.value[:40] end
        ], lambda x: x is not null)
    end) as trait
    from facts f
    join kinds k using (side, attribute)
)
select
    side,
    attribute,
    trait,
    count(*) filter (where failing) as a,
    count(*) filter (where not failing) as c,
    any_value(n) as n,
    any_value(m) as m
from seen
join people using (side)
group by side, attribute, trait
having any_value(n) >= 2 and any_value(m) >= 2;
