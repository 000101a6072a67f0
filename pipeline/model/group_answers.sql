-- The app's own lists of a group's members, beside what the records imply.

-- group_answers(answers, intervals, units, word_members, people): one row per group with the newest answer that lists
-- its members, beside what the records before it imply.
--   object  the group, by object_number
--   seen    the answer, and who is in only one of the two
create or replace macro group_answers(answers, intervals, units, word_members, people) as table
with compared as (
    -- Everybody in an answer, everybody whom the records imply then, and who is in only one of the two.
    select c.object, any_value(p."name") as "name", bool_or(c.in_answer) as in_answer, bool_or(c.implied) as implied
    from (
        select a.object, m.who, true as in_answer, false as implied
        from (select object, unnest(members) as word from query_table(answers)) a
        join query_table(word_members) m on m.object = a.object and m.word = a.word
        union all
        select s.object, s.who, false, true
        from query_table(intervals) s
        join query_table(answers) a on a.object = s.object
        join query_table(units) f on f.object = s.object and f.unit = s.since_unit
        left join query_table(units) u on u.object = s.object and u.unit = s.until_unit
        where f.occurred_at <= a.occurred_at and (s.until_unit is null or u.occurred_at > a.occurred_at)
    ) c
    join query_table(people) p on p.who = c.who
    group by c.object, c.who
)
select
    a.object,
    {
        'exchange_id': any_value(a.exchange_id),
        'occurred_at': any_value(a.occurred_at),
        'seen': any_value(len(a.members)),
        'implied': count(*) filter (where c.implied),
        'missing': coalesce(list(c."name" order by c."name") filter (where not c.in_answer), []),
        'unexplained': coalesce(list(c."name" order by c."name") filter (where not c.implied), [])
    } as seen
from query_table(answers) a
left join compared c on c.object = a.object
group by a.object;
