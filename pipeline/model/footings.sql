-- When each object's footing changed: the few events out of many that answer whether somebody waits, is out of scope or
-- is to go. Read after derived.sql.

-- is_problem: an event that leaves somebody without what was due: a failure, or a skip that is no good news.
create or replace macro is_problem(status, benign) as status = 'failure' or (status = 'skipped' and not benign);

-- removal_of: what an event wanted to take away: disable, delete or stagedDelete; null for every other event. A disable
-- is also known by its last step.
create or replace macro removal_of("action", last_step) as
    case
        when "action" in ('disable', 'delete', 'stagedDelete') then "action"
        when last_step = 'EntryExportUpdateSoftDelete' then 'disable'
    end;

-- is_false, is_true: how logs and apps spell a truth value: false, "False", 0.
create or replace macro is_false(word) as coalesce(lower(word) in ('false', '0'), false);
create or replace macro is_true(word) as coalesce(lower(word) in ('true', '1'), false);

-- left_why: why Entra says that somebody is to go, from what an event's import and scoping steps saw; null where they
-- saw no such thing. IsSoftDeleted is true for all of these reasons, so by itself it tells none. Few steps say any of it,
-- so a look at the text comes before its reading; a regular expression takes as long as the reading. A case looks only
-- at what its earlier branches left, as `and` and `or` inside a list's function do not.
create or replace macro may_say_left("type", "name", details) as
    case
        when not coalesce("type" in ('import', 'scoping'), false) then false
        when "name" = 'EntryImportObjectNotFound' or contains(details::varchar, 'alse')
            or contains(details::varchar, 'IsSoftDeleted') or contains(details::varchar, 'ALSE') then true
        when contains(details::varchar, '0') then contains(details::varchar, '"0"') or contains(details::varchar, ':0')
            or contains(details::varchar, ': 0')
        else false
    end;
create or replace macro left_why(steps) as
    list_filter(list_transform(
        list_filter(steps, lambda s: may_say_left(s."type", s."name", s.details)),
        lambda s: list_transform(
            [json_extract_string(s.details, ['$.accountEnabled', '$.AccountEnabled', '$."Active in the source system"',
                '$.IsActive', '$."Assigned to the application"', '$.Assigned', '$.IsSoftDeleted'])],
            lambda w: case
                when s."name" = 'EntryImportObjectNotFound' then 'no longer found'
                when is_false(coalesce(w[1], w[2], w[3], w[4])) then 'account disabled'
                when is_false(coalesce(w[5], w[6])) then 'unassigned'
                when is_true(w[7]) then 'soft-deleted, disabled or unassigned'
            end)[1]), lambda w: w is not null)[1];

-- footing_of: how an event leaves its object, in a word: problem, out (of scope), gone (disabled or deleted) or in (the two
-- sides match); null where it decides nothing.
create or replace macro footing_of("action", status, skip_reason, error_code) as
    case
        when state_of("action", status, skip_reason) is null then null
        when is_problem(status, is_benign(status, skip_reason, error_code)) then 'problem'
        when state_of("action", status, skip_reason) in ('disabled', 'deleted') then 'gone'
        when state_of("action", status, skip_reason) = 'skipped' then 'out'
        else 'in'
    end;

-- leaving_ends: what an event does to somebody's leaving: done, or called off because both sides match with the account in
-- use. A skip for want of entitlement ends nothing: Entra stops trying, and the account stays as it is.
create or replace macro leaving_ends(removal, left_as, footing, status, skip_reason) as
    case
        when removal in ('disable', 'delete') and (status in ('success', 'warning') or skip_reason = 'RedundantExport')
            then 'done'
        when skip_reason = 'RedundantExport' and left_as is not null then 'done'
        when removal is null and left_as is null and footing = 'in' then 'called off'
    end;

-- footing_words: on which footing each event of a table that says something leaves its object, as numbers: the object,
-- the event's place in its life, and a word to compare with the one before, beside what the word is made of. A million
-- wide rows would not fit into memory when they are sorted, and the steps are read once.
create or replace macro footing_word(footing, left_as, ends, skip_reason) as
    hash(footing, left_as, ends, case when footing = 'out' then skip_reason end);
create or replace macro footing_words(source) as table
select
    occurred_at,
    object_number(job_id, source_id) as object,
    order_of(occurred_at, event_id) as order_key,
    footing_word(footing, left_as, ends, skip_reason) as word,
    footing,
    removal,
    left_as,
    ends
from (
    select *, leaving_ends(removal, left_as, footing, status, skip_reason) as ends
    from (
        select
            *,
            footing_of("action", status, skip_reason, error_code) as footing,
            removal_of("action", last_step) as removal,
            left_why(steps) as left_as
        from query_table(source)
        where source_id is not null
    )
)
where footing is not null or removal is not null;

-- footing_changes: of a table of such words the removals and those at which an object's footing changed. Where an event
-- is told twice, the lower rank counts: 0 is held in footings already, only there to be compared with and not given again.
create or replace macro footing_changes(words) as table
select t.object, t.order_key, t.footing, t.removal, t.left_as, t.ends, t.rank
from query_table(words) t
semi join (
    -- Numbers alone are sorted.
    select object, order_key, rank
    from (
        select
            object,
            order_key,
            rank,
            removal is not null or word is distinct from lag(word) over life as tells,
            order_key is not distinct from lag(order_key) over life as again
        from query_table(words)
        window life as (partition by object order by order_key, rank)
    )
    where rank > 0 and tells and not again
) c on c.object = t.object and c.order_key = t.order_key and c.rank = t.rank;

-- footing_rows: the events of a table that are among such words, as footings keeps them. The log's own words are kept of
-- what went wrong.
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
    e.retry_at
from query_table(source) e
join query_table(words) w
    on w.object = object_number(e.job_id, e.source_id) and w.order_key = order_of(e.occurred_at, e.event_id)
where e.source_id is not null;
