-- What everything else uses: booleans, instants, the order of events, and what an event means for its object.

-- is_benign(status, skip_reason, error_code): whether a skip is expected: the two sides match already, or the object
-- is out of scope, or of a kind that the job does not provision.
create or replace macro is_benign(status, skip_reason, error_code) as
    status = 'skipped' and coalesce(
        skip_reason in ('RedundantExport', 'NotEffectivelyEntitled', 'out of scope')
        or coalesce(skip_reason, error_code) like '%EntrySynchronizationSkipped'
        or coalesce(skip_reason, error_code) like '%EntityTypeNotSupported', false);

-- is_problem(status, benign): whether an event leaves somebody without what was due: a failure, or a skip that is not
-- expected.
create or replace macro is_problem(status, benign) as status = 'failure' or (status = 'skipped' and not benign);

-- is_unanswered(error_code, http_status): whether an attempt failed without the app's answer: whether the app did what
-- was asked is then unknown.
create or replace macro is_unanswered(error_code, http_status) as
    coalesce(error_code ilike '%Timeout' or error_code like '%WebExceptionProtocolError', false)
    or coalesce(http_status in (408, 504), false);

-- state_of(action, status, skip_reason): the state in which an event leaves its object; null where it decides nothing
-- (a staged delete, an unfamiliar status).
create or replace macro state_of("action", status, skip_reason) as
    case
        when "action" = 'stagedDelete' then null
        when status = 'failure' then 'failing'
        when status = 'skipped' and skip_reason = 'RedundantExport' then 'in_sync'
        when status = 'skipped' then 'skipped'
        when status = 'success' and "action" = 'disable' then 'disabled'
        when status = 'success' and "action" = 'delete' then 'deleted'
        when status in ('success', 'warning') then 'in_sync'
    end;

-- is_pseudo(action, status, changes): whether an update altered nothing: Entra logs accountDisabled along with it,
-- changed or not, and values that are the same as before. In a case, since DuckDB would otherwise look into the
-- changes of every event.
create or replace macro is_pseudo("action", status, changes) as
    case
        when status = 'success' and "action" = 'update' then len(changes) > 0
            and len(list_filter(changes, lambda c: c.attribute <> 'accountDisabled'
                and c.old_value is distinct from c.new_value)) = 0
        else false
    end;

-- tie_rank(action, status): an event's place among those of one object and one second, by what it does, from 0 to 7:
-- an account is made before it is changed, changed before it is disabled, and disabled before it is deleted. Of one
-- kind the failure comes last, so that a tie hides none.
create or replace macro tie_rank("action", status) as
    case "action" when 'create' then 0 when 'disable' then 4 when 'stagedDelete' then 6 when 'delete' then 6 else 2 end
    + case when status = 'failure' then 1 else 0 end;

-- order_of(occurred_at, event_id, action, status): an event's place in a total order. Instants are whole seconds, so
-- ties happen: they go by tie_rank, then by the id's hash, always alike, whatever was loaded first. 31 bits for both:
-- enough for a BIGINT, which Parquet keeps exactly (it has no HUGEINT), until the year 2106.
create or replace macro order_of(occurred_at, event_id, "action", status) as
    epoch(occurred_at)::bigint * 2147483648 + tie_rank("action", status) * 268435456
    + (hash(event_id) & 268435455)::bigint;

-- named_order(order_key, upn, source_name): the place by order_of, with every event that names its object after all
-- that do not.
create or replace macro named_order(order_key, upn, source_name) as
    order_key - case when coalesce(upn, source_name) is null then 4611686018427387904 else 0 end;

-- object_number(job_id, source_id): one object in one app as a number, which is sorted and looked up in a third of the
-- time that ids take.
create or replace macro object_number(job_id, source_id) as hash(job_id, source_id);

-- outcomes: one row per event, with what it means for its object.
--   events.*   the event, as in the table
--   benign     whether it is an expected skip
--   state      the state in which it leaves its object; null where it decides nothing
--   order_key  its place in the order of events, by order_of
create or replace view outcomes as
select
    *,
    is_benign(status, skip_reason, error_code) as benign,
    state_of("action", status, skip_reason) as state,
    order_of(occurred_at, event_id, "action", status) as order_key
from events;

-- steps: one row per step of an event.
--   event_id     the event
--   job_id       the job
--   ordinal      its place among the event's steps, from 1
--   name         the step's name
--   type         import, scoping, matching, processing, referenceResolution or export
--   status       how the step ended
--   description  Entra's text
--   details      name and value pairs, as JSON
create or replace view steps as
select
    event_id,
    job_id,
    ordinal,
    step."name" as "name",
    step."type" as "type",
    step.status as status,
    step.description as description,
    step.details as details
from (
    select event_id, job_id, generate_subscripts(steps, 1) as ordinal, unnest(steps) as step
    from events
);

-- changes: one row per attribute that an event was to change.
--   event_id   the event
--   job_id     the job
--   attribute  the attribute
--   old_value  the value before
--   new_value  the value after
create or replace view changes as
select
    event_id,
    job_id,
    change.attribute as attribute,
    change.old_value as old_value,
    change.new_value as new_value
from (
    select event_id, job_id, unnest(changes) as change
    from events
);

-- truth_value(word): a boolean, as records and apps spell it: true, "True", yes, 1, false, "FALSE", no, 0; null where
-- it is neither.
create or replace macro truth_value(word) as
    case lower(trim(word)) when 'true' then true when 'yes' then true when '1' then true
        when 'false' then false when 'no' then false when '0' then false end;

-- after_s(moment, seconds): the instant so many seconds later, to the microsecond.
create or replace macro after_s(moment, seconds) as moment + to_microseconds((seconds * 1000000)::bigint);

-- instant_of(moment): an instant as a sentence has it.
create or replace macro instant_of(moment) as strftime(moment, '%-d %b, %H:%M UTC');

-- short_list(names): up to five names, and how many more there are.
create or replace macro short_list(names) as
    array_to_string(names[:5], ', ') || case when len(names) > 5 then ' and ' || (len(names) - 5) || ' more' else '' end;
