-- Who is a member of which group in the app, as far as the records tell.

-- group_unit_lists(units, intervals, mentions, people): one row per group with what each record did.
--   object   the group, by object_number
--   last_at  the newest record of its members
--   units    a list of what each record did, in order
create or replace macro group_unit_lists(units, intervals, mentions, people) as table
with unit_changes as (
    select s.object, s.unit, list(p."name" order by p."name") filter (s.came) as added,
        list(p."name" order by p."name") filter (not s.came) as lost
    from (
        select object, who, since_unit as unit, true as came from query_table(intervals) where not goes_on
        union all
        select object, who, until_unit, false from query_table(intervals) where until_unit is not null and not stays
    ) s
    join query_table(people) p on p.who = s.who
    group by s.object, s.unit
), counted as (
    select
        u.*,
        coalesce(m.added, []) as added,
        coalesce(m.lost, []) as lost,
        coalesce(n.unresolved, []) as unresolved,
        sum(coalesce(len(m.added), 0) - coalesce(len(m.lost), 0))
            over (partition by u.object order by u.unit)::bigint as after
    from query_table(units) u
    left join unit_changes m on m.object = u.object and m.unit = u.unit
    left join (
        select m.object, m.unit, list(p."name" order by p."name") as unresolved
        from query_table(mentions) m
        join query_table(people) p on p.who = m.who
        where m.outcome = 'unresolved'
        group by m.object, m.unit
    ) n on n.object = u.object and n.unit = u.unit
)
select object, max(occurred_at) as last_at, list({
    'unit': unit, 'occurred_at': occurred_at, 'source': source, 'ref': ref, 'outcome': outcome, 'ops': ops,
    'before': after - len(added) + len(lost), 'after': after, 'added': added, 'lost': lost,
    'unresolved': unresolved, 'flag': case
        when outcome <> 'done' then null
        when list_contains(ops, 'delete') then 'deleted'
        when list_contains(ops, 'create') then null
        when after = 0 and (len(lost) > 0 or list_contains(ops, 'empty')) then 'emptied'
        when len(lost) > 1 and after < (after - len(added) + len(lost)) / 2 then 'halved'
    end
} order by unit) as units
from counted
group by object;

-- group_member_lists(units, intervals, mentions, people): one row per group with everybody named.
--   object   the group, by object_number
--   members  a list of everybody named, by name
create or replace macro group_member_lists(units, intervals, mentions, people) as table
with last_mentions as (
    -- The last unit that spoke of a member, and the first since which all said the same.
    select who, any_value(object) as object, max(unit) as last_unit, max(unit) filter (where turned) as since_unit,
        arg_max(outcome, unit) as outcome, count(*) as attempts
    from (
        select *, verb is distinct from lag(verb) over own or outcome is distinct from lag(outcome) over own as turned
        from query_table(mentions)
        window own as (partition by who order by unit)
    )
    group by who
), removals as (
    -- Whoever a unit took out without a word of that member: it emptied or replaced the list, or deleted the group.
    select w.who, max(i.until_unit) as unit
    from last_mentions w
    join query_table(intervals) i on i.who = w.who
    group by w.who
    having count(*) = count(i.until_unit) and max(i.until_unit) > any_value(w.last_unit)
)
select w.object, list({
    'member_id': p.member_id, 'name': p."name", 'known': p.known, 'state': case
        when w.outcome = 'unresolved' then 'unresolved'
        when i.who is not null and w.outcome = 'not refused' then 'not refused'
        when i.who is not null then 'in place'
        when w.outcome in ('failed', 'refused') then 'failed'
        when w.outcome = 'unknown' then 'unknown'
        else 'removed'
    end,
    'since': s.occurred_at, 'last_at': l.occurred_at, 'attempts': w.attempts, 'source': l.source, 'ref': l.ref
} order by p."name", p.member_id) as members
from last_mentions w
join query_table(people) p on p.who = w.who
left join removals r on r.who = w.who
join query_table(units) s on s.object = w.object and s.unit = coalesce(r.unit, w.since_unit)
join query_table(units) l on l.object = w.object and l.unit = coalesce(r.unit, w.last_unit)
left join query_table(intervals) i on i.until_unit is null and i.who = w.who
group by w.object;

-- group_records(as_of, only_group, only_job, only_tenant, most, taken_since): one row per group with everything that is
-- known of its members up to an instant, in three parts.
--
-- units: each event or request that named its members and what it did: how many it found, by all records before it,
--     who came and went; outcome is done, refused, failed, or unknown where the log has no answer; flag is emptied,
--     halved where less than half were left, or deleted.
-- members: everybody that was ever named, with their state: in place (an answer or an event shows it), not refused (an
--     event failed and names others), unresolved, failed, unknown or removed; since when, and by which record last.
-- seen: the newest answer of the app that lists the members, beside what the records before it imply.
--
-- most: how many groups at most; those first that by a quick look have most members unresolved, failed or taken out.
-- taken_since: only groups out of which somebody may have been taken after an instant, by an event or by a request.
--   job_id    the job
--   group_id  the group's id in Entra, else in the app
--   last_at   the newest record of its members
--   units     a list of what each record did, in order
--   members   a list of everybody named, by name
--   seen      the newest answer that lists the members, beside the records; null where there is none
--   app_id    the app whose requests are about it; null where there are none, or whose they are is unknown
create or replace macro group_records(
    as_of, only_group := '', only_job := '', only_tenant := '', most := 1000000, taken_since := timestamp '-infinity'
) as table
with calls as materialized (
    from group_calls(as_of)
), addressed as materialized (
    from request_groups('calls')
), chosen as materialized (
    from chosen_groups('calls', 'addressed', as_of, only_group, only_job, only_tenant, most, taken_since)
), requests as materialized (
    from group_requests('addressed', 'chosen', as_of)
), operations as materialized (
    from group_operations('chosen', 'requests', as_of)
), units as materialized (
    -- next_reset: the next unit of the group that left nothing of what was before it.
    select *, min(case when resets then unit end) over (
        partition by object order by unit rows between 1 following and unbounded following) as next_reset
    from (
        select
            object,
            unit,
            any_value(occurred_at) as occurred_at,
            any_value(source) as source,
            any_value(ref) as ref,
            any_value(outcome) as outcome,
            list(distinct op order by op) as ops,
            any_value(outcome) = 'done' and any_value(reset_ordinal) is not null as resets
        from operations
        group by object, unit
    )
), answers as materialized (
    select object, exchange_id, occurred_at, member_ids(listed_members) as members
    from requests
    where listed_members is not null
    qualify row_number() over (partition by object order by occurred_at desc, exchange_id) = 1
), words as materialized (
    select distinct object, unnest(members) as word from operations
    union
    select distinct object, unnest(members) from answers
), meanings as materialized (
    from word_members('words', 'chosen')
), people as materialized (
    select who, any_value(object) as object, any_value(member_id) as member_id, any_value("name") as "name",
        bool_or(known) as known
    from meanings
    group by who
), mentions as materialized (
    -- The last word of a unit on each member that it names.
    select
        s.object,
        s.unit,
        m.who,
        case when arg_max(s.op, s.ordinal) = 'remove' then 'out' else 'in' end as verb,
        case
            when bool_or(s.op = 'unresolved') then 'unresolved'
            when any_value(s.outcome) = 'failed' and any_value(s.names_some) then 'not refused'
            else any_value(s.outcome)
        end as outcome
    from (
        select object, unit, op, ordinal, outcome, names_some, unnest(members) as word
        from operations
        where reset_ordinal is null or ordinal >= reset_ordinal
    ) s
    join meanings m on m.object = s.object and m.word = s.word
    group by s.object, s.unit, m.who
), intervals as materialized (
    from membership_intervals('mentions', 'units')
)
select
    c.job_id,
    c.group_id,
    u.last_at,
    coalesce(u.units, []) as units,
    coalesce(m.members, []) as members,
    s.seen,
    a.app_id
from chosen c
left join group_unit_lists('units', 'intervals', 'mentions', 'people') u on u.object = c.object
left join group_member_lists('units', 'intervals', 'mentions', 'people') m on m.object = c.object
left join group_answers('answers', 'intervals', 'units', 'meanings', 'people') s on s.object = c.object
left join (select object, any_value(app_id) as app_id from addressed group by object) a on a.object = c.object
where u.object is not null or s.object is not null;
