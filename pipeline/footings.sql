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
-- so a look at the text comes before its reading; a regular expression takes as long as the reading.
create or replace macro may_say_left("name", details) as
    "name" = 'EntryImportObjectNotFound' or contains(details::varchar, 'alse') or contains(details::varchar, 'IsSoftDeleted')
    or contains(details::varchar, 'ALSE') or contains(details::varchar, '"0"') or contains(details::varchar, ':0')
    or contains(details::varchar, ': 0');
create or replace macro left_why(steps) as
    list_filter(list_transform(
        list_filter(steps, lambda s: s."type" in ('import', 'scoping') and may_say_left(s."name", s.details)),
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

-- footing_rows: on which footing the events of a table leave their objects. The log's own words are kept of what went wrong.
create or replace macro footing_rows(source) as table
select
    event_id,
    tenant_id,
    job_id,
    app_id,
    app_name,
    source_id,
    source_type,
    "name",
    target_id,
    occurred_at,
    order_of(occurred_at, event_id) as order_key,
    footing,
    removal,
    left_as,
    leaving_ends(removal, left_as, footing, status, skip_reason) as ends,
    status,
    error_code,
    skip_reason,
    case when removal is not null or footing = 'problem' then reason end as reason,
    retry_at
from (
    select
        *,
        coalesce(upn, source_name) as "name",
        footing_of("action", status, skip_reason, error_code) as footing,
        removal_of("action", last_step) as removal,
        left_why(steps) as left_as
    from query_table(source)
    where source_id is not null
)
where footing is not null or removal is not null;

-- footing_words: the same as numbers: an object, an event's place in its life, and a word to compare with the one before.
-- A million wide rows would not fit into memory when they are sorted.
create or replace macro footing_word(footing, left_as, ends, skip_reason) as
    hash(footing, left_as, ends, case when footing = 'out' then skip_reason end);
create or replace macro footing_words(source) as table
select
    occurred_at,
    object_number(job_id, source_id) as object,
    order_key,
    footing_word(footing, left_as, ends, skip_reason) as word,
    removal is not null as removed
from footing_rows(source);

-- footing_changes: of a table of such words the removals and those at which an object's footing changed. Those that are held
-- already are there to be compared with, and are not given again.
create or replace macro footing_changes(words) as table
select object, order_key
from (
    select *, word is distinct from lag(word) over (partition by object order by order_key, held desc) as changed
    from query_table(words)
)
where not held and (removed or changed);

-- A store of an earlier version has events whose footings nobody has told; fold.sql says the same of what arrives.
create or replace temp table told_words as
    select object, order_key, word, removed, false as held from footing_words('events') where not exists (from footings);
insert into footings by name
select *
from footing_rows('events')
where exists (from told_words)
    and (object_number(job_id, source_id), order_key) in (from footing_changes('told_words'));
drop table told_words;
