-- When each object's footing changed: the few events out of many that answer whether somebody waits, is out of scope or
-- is to go.

-- removal_of(action, last_step, steps, enabling): what an event was to take away: disable, delete or stagedDelete; null
-- for every other event. A disable is also recognised by its step, wherever that stands, and an update by what it
-- writes: enabling is what an event writes of whether the account is in use.
create or replace macro removal_of("action", last_step, steps, enabling) as
    case
        when "action" in ('disable', 'delete', 'stagedDelete') then "action"
        when enabling = false and "action" <> 'create' then 'disable'
        when last_step = 'EntryExportUpdateSoftDelete'
            or list_contains(list_transform(steps, lambda s: s."name"), 'EntryExportUpdateSoftDelete') then 'disable'
    end;

-- fails_to_remove(removal, status): whether an event is a disable or delete that failed.
create or replace macro fails_to_remove(removal, status) as
    coalesce(removal in ('disable', 'delete') and status = 'failure', false);

-- may_show_leaving(type, name, details): whether a step's text may show why somebody leaves. Few steps do, so a look
-- at the text comes before its reading; a regular expression takes as long as the reading. A case looks only at what
-- its earlier branches left, as `and` and `or` inside a list's function do not.
create or replace macro may_show_leaving("type", "name", details) as
    case
        when not coalesce("type" in ('import', 'scoping'), false) then false
        when "name" = 'EntryImportObjectNotFound' or contains(details::varchar, 'alse')
            or contains(details::varchar, 'IsSoftDeleted') or contains(details::varchar, 'ALSE') then true
        when contains(details::varchar, 'no"') or contains(details::varchar, 'No"')
            or contains(details::varchar, 'NO"') then true
        when contains(details::varchar, '0') then contains(details::varchar, '"0"') or contains(details::varchar, ':0')
            or contains(details::varchar, ': 0')
        else false
    end;

-- leaving_reason(steps): why Entra removes somebody, from what an event's import and scoping steps show; null where
-- they show nothing of the kind. IsSoftDeleted is true for all of these reasons, so by itself it decides none.
create or replace macro leaving_reason(steps) as
    list_filter(list_transform(
        list_filter(steps, lambda s: may_show_leaving(s."type", s."name", s.details)),
        lambda s: list_transform(
            [json_extract_string(s.details, ['$.accountEnabled', '$.AccountEnabled', '$."Active in the source system"',
                '$.IsActive', '$."Assigned to the application"', '$.Assigned', '$.IsSoftDeleted'])],
            lambda w: case
                when s."name" = 'EntryImportObjectNotFound' then 'no longer found'
                when truth_value(coalesce(w[1], w[2], w[3], w[4])) = false then 'account disabled'
                when truth_value(coalesce(w[5], w[6])) = false then 'unassigned'
                when truth_value(w[7]) then 'soft-deleted, disabled or unassigned'
            end)[1]), lambda w: w is not null)[1];

-- footing_of(action, status, skip_reason, error_code): how an event leaves its object, in a word: problem, out (of
-- scope), gone (disabled or deleted) or in (the two sides match); null where it decides nothing.
create or replace macro footing_of("action", status, skip_reason, error_code) as
    case
        when state_of("action", status, skip_reason) is null then null
        when is_problem(status, is_benign(status, skip_reason, error_code)) then 'problem'
        when state_of("action", status, skip_reason) in ('disabled', 'deleted') then 'gone'
        when state_of("action", status, skip_reason) = 'skipped' then 'out'
        else 'in'
    end;

-- leaving_ends(removal, left_as, footing, status, skip_reason): what an event does to a removal that is due: done, or
-- called off because both sides match with the account in use. A skip for want of entitlement ends nothing: Entra
-- stops trying, and the account stays as it is.
create or replace macro leaving_ends(removal, left_as, footing, status, skip_reason) as
    case
        when removal in ('disable', 'delete') and (status in ('success', 'warning') or skip_reason = 'RedundantExport')
            then 'done'
        when skip_reason = 'RedundantExport' and left_as is not null then 'done'
        when removal is null and left_as is null and footing = 'in' then 'called off'
    end;

-- footing_word(footing, left_as, ends, skip_reason): a footing as a number, to compare with the one before.
create or replace macro footing_word(footing, left_as, ends, skip_reason) as
    hash(footing, left_as, ends, case when footing = 'out' then skip_reason end);

-- settlements_of(footings): one row per footing of a table, all those of its objects, that settles the problems before
-- it. A skip for want of entitlement settles none after a disable or delete that failed, whatever else failed since: the
-- account stays as it is until both sides match, or it is gone.
--   object     the object, by object_number
--   order_key  its place in the order of events, by order_of
--   footing    in, out or gone
create or replace macro settlements_of(footings) as table
select object, order_key, footing
from (
    select object, order_key, footing,
        last_value(case
            when footing in ('in', 'gone') then false
            when fails_to_remove(removal, status) then true
        end ignore nulls) over (partition by object order by order_key rows unbounded preceding) as removal_failed
    from query_table(footings)
)
where footing in ('in', 'gone') or footing = 'out' and not coalesce(removal_failed, false);

-- footing_gaps(words, footings): one row per event of a table of words, rows of the spine, after which its object's
-- stored events may say otherwise: they repeated the word of the footing before it, which may be forgotten by now, and
-- this event takes that away from them. footings: those of the same objects.
--   object  the object, by object_number
--   since   the event, by order_of
--   until   the next of the object's events in either table
create or replace macro footing_gaps(words, footings) as table
select object, order_key as since, coalesce(next_key, 9223372036854775807) as until
from (
    select
        *,
        lead(order_key) over (partition by object order by order_key) as next_key,
        last_value(stored_word ignore nulls) over (
            partition by object order by order_key rows between unbounded preceding and current row) as word_before
    from (
        select object, order_key, word, null::ubigint as stored_word from query_table(words)
        union all
        select object, order_key, null::ubigint, word from query_table(footings)
    )
)
where word is not null and word is distinct from word_before;

-- footing_changes(words, footings): one row per removal, and per event at which an object's footing changed, of a table
-- of words, rows of the spine. footings: those of the same objects that are stored already.
--   object     the object, by object_number
--   order_key  its place in the order of events, by order_of
--   word       the footing, by footing_word
--   footing    in, out, gone or problem
--   removal    what was to be taken away
--   left_as    why somebody leaves
--   ends       done or called off
--   account    what it shows the account to be
--   scope      whether it shows the object in scope or out of it
--   is_stored  whether the event was there before
create or replace macro footing_changes(words, footings) as table
select w.object, w.order_key, w.word, w.footing, w.removal, w.left_as, w.ends, w.account, w."scope", w.is_stored
from query_table(words) w
semi join (
    -- Numbers alone are sorted.
    select object, order_key
    from (
        select
            object,
            order_key,
            in_footings,
            removes or word is distinct from lag(word) over (partition by object order by order_key) as differs
        from (
            select object, order_key, word, removal is not null as removes, false as in_footings
            from query_table(words)
            union all
            select object, order_key, word, false, true from query_table(footings)
        )
    )
    where differs and not in_footings
) c on c.object = w.object and c.order_key = w.order_key;

-- footing_repeats(words, footings): one row per stored footing, of those of the same objects, that is no change any more:
-- one of a table of words, rows of the spine, came before it and says the same. A removal stays.
--   object       the object, by object_number
--   order_key    its place in the order of events, by order_of
--   occurred_at  when it happened
create or replace macro footing_repeats(words, footings) as table
select object, order_key, occurred_at
from (
    select *, lag(word) over (partition by object order by order_key) as word_before
    from (
        select object, order_key, word, null::timestamp as occurred_at, true as stays from query_table(words)
        union all
        select object, order_key, word, occurred_at, removal is not null from query_table(footings)
    )
)
where not stays and word = word_before;

-- footing_rows(source, words): one row per event of a table that is among such footing_changes, with the columns of
-- the table footings. The log's own text is kept of what went wrong.
--   footings.*  as in the table
create or replace macro footing_rows(source, words) as table
select
    e.event_id,
    e.tenant_id,
    e.job_id,
    e.app_id,
    e.app_name,
    e.source_id,
    e.source_type,
    coalesce(e.upn, e.source_name) as "name",
    e.target_id,
    e.occurred_at,
    w.order_key,
    w.footing,
    w.removal,
    w.left_as,
    w.ends,
    e.status,
    e.error_code,
    e.skip_reason,
    case when w.removal is not null or w.footing = 'problem' then e.reason end as reason,
    e.retry_at,
    w.object,
    w.word,
    w.account,
    w."scope"
from query_table(source) e
join query_table(words) w
    on w.object = object_number(e.job_id, e.source_id)
    and w.order_key = order_of(e.occurred_at, e.event_id, e."action", e.status)
where e.source_id is not null;
