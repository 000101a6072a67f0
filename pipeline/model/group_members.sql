-- Whom events and requests mean by what they call the members of groups.

-- word_objects(member_words): one row per word for a member, in small letters, and the object that it means: its id in Entra,
-- its UPN, its name if nobody else has it, or, in one job, an id that it has or had in the app.
--   job_id     the job in which it means so; null where in all
--   word       the word
--   source_id  the object's id in Entra
--   name       its UPN, else its name
create or replace macro word_objects(member_words) as table
with lower_words as materialized (
    select distinct lower(word) as word from query_table(member_words)
)
select spelling.job_id as job_id, spelling.word as word, any_value(source_id) as source_id, any_value("name") as "name"
from (
    select source_id, coalesce(upn, source_name, source_id) as "name", unnest(list_concat([
        {'job_id': null::varchar, 'word': lower(source_id)},
        {'job_id': null::varchar, 'word': lower(upn)},
        {'job_id': null::varchar, 'word': lower(source_name)}
    ], [{'job_id': job_id, 'word': target_id} for target_id in target_ids])) as spelling
    from (
        -- As the view identities, of those alone whom any part calls by such a word.
        select job_id, source_id, arg_max_null(upn, named_key) as upn,
            arg_max_null(source_name, named_key) as source_name,
            list(distinct lower(target_id)) filter (where target_id is not null) as target_ids
        from identity_parts
        where source_id in (
            select source_id
            from identity_parts
            where lower(source_id) in (from lower_words) or lower(upn) in (from lower_words)
                or lower(source_name) in (from lower_words) or lower(target_id) in (from lower_words)
        )
        group by job_id, source_id
    )
)
where spelling.word in (from lower_words)
group by spelling.job_id, spelling.word
having count(distinct source_id) = 1;

-- word_members(member_words, chosen_groups): one row per group and word for a member, with whom it means in the group: one id
-- for each object. What comes after reckons with its number, who: sorting by three ids instead takes several times as
-- long.
--   object     the group, by object_number
--   word       the word
--   member_id  the member's id in Entra, else the word
--   name       its name, else the word
--   known      whether it is known
--   who        group and member as a number
create or replace macro word_members(member_words, chosen_groups) as table
with objects as materialized (
    from word_objects(member_words)
)
select *, hash(object, member_id) as who
from (
    select
        s.object,
        s.word,
        coalesce(t.source_id, g.source_id, s.word) as member_id,
        coalesce(t."name", g."name", s.word) as "name",
        coalesce(t.source_id, g.source_id) is not null as known
    from query_table(member_words) s
    join query_table(chosen_groups) c on c.object = s.object
    left join objects t on t.job_id = c.job_id and t.word = lower(s.word)
    left join objects g on g.job_id is null and g.word = lower(s.word)
);

-- membership_intervals(mentions, units): one row per stretch of a membership, from the unit that brought a member to
-- the next one that decides about it.
--   object      the group, by object_number
--   who         group and member as a number
--   since_unit  the unit that brought it
--   until_unit  the unit that ended it; null while there is none
--   goes_on     whether the member was in already
--   stays       whether what ended it brought the member again
create or replace macro membership_intervals(mentions, units) as table
select
    object,
    who,
    unit as since_unit,
    least(next_unit, next_reset) as until_unit,
    coalesce(was = 'in' and coalesce(was_reset >= unit, true), false) as goes_on,
    coalesce(becomes = 'in' and next_unit = least(next_unit, next_reset), false) as stays
from (
    select
        m.object,
        m.who,
        m.unit,
        m.verb,
        u.next_reset,
        lead(m.unit) over own as next_unit,
        lead(m.verb) over own as becomes,
        lag(m.verb) over own as was,
        lag(u.next_reset) over own as was_reset
    from query_table(mentions) m
    join query_table(units) u on u.object = m.object and u.unit = m.unit
    where m.outcome in ('done', 'not refused')
    window own as (partition by m.who order by m.unit)
)
where verb = 'in';
