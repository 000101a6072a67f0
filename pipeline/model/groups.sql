-- What events say about the members of groups.

-- listed_ids(words): the ids or names in an attribute's value, a text with commas or a list in JSON.
create or replace macro listed_ids(words) as
    case
        when words is null then []
        when json_type(try_cast(words as json)) = 'ARRAY' then member_ids(try_cast(words as json))
        else list_filter(list_transform(regexp_split_to_array(words, '\s*[,;]\s*'), lambda w: trim(w)), lambda w: w <> '')
    end;

-- unassigned_members(reason, steps): those whom an event could not make a member, by the sentence that Entra has for
-- it.
create or replace macro unassigned_members(reason, steps) as
    listed_ids(nullif(list_filter(
        list_transform(list_concat([reason], coalesce(list_transform(steps, lambda s: s.description), [])),
            lambda w: regexp_extract(w, '(?is)unable to assign (.+?) as the members? of ', 1)),
        lambda w: w <> '')[1], ''));

-- member_rows(source): one row per member that an event of a table names, with the columns of the table member_claims.
--   member_claims.*  as in the table
create or replace macro member_rows(source) as table
select event_id, job_id, source_id, occurred_at, status, operation.op as op, unnest(operation.members) as "member"
from (
    select event_id, job_id, source_id, occurred_at, status, unnest([
        {'op': 'add', 'members': list_filter(now_in, lambda m: not list_contains(was_in, m))},
        {'op': 'remove', 'members': list_filter(was_in, lambda m: not list_contains(now_in, m))},
        {'op': 'unresolved', 'members': unassigned}
    ]) as operation
    from (
        select *, listed_ids(change.old_value) as was_in, listed_ids(change.new_value) as now_in
        from (
            select
                event_id,
                job_id,
                source_id,
                occurred_at,
                status,
                list_filter(changes, lambda c: regexp_matches(c.attribute, '(?i)^(urn:.*:)?members?$'))[1] as change,
                case when status in ('failure', 'warning') then unassigned_members(reason, steps) end as unassigned
            from query_table(source)
            where lower(source_type) = 'group' and source_id is not null
                and status in ('success', 'warning', 'failure')
        )
    )
);

