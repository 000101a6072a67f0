-- One object in one app, and what is known of it last.

-- identity_name(upn, source_name, named_key): an aggregate: what an object is called, from the rows that each
-- transaction left of it.
create or replace macro identity_name(upn, source_name, named_key) as
    coalesce(arg_max_null(upn, named_key), arg_max_null(source_name, named_key));

-- identity_state(state, state_key): an aggregate: an object's state, from the rows that each transaction left of it.
create or replace macro identity_state(state, state_key) as coalesce(arg_max(state, state_key), 'skipped');

-- identity_events(source): one row per event of a table that names its object, with the columns of the table
-- identity_parts: what is known of the object from this event alone.
--   identity_parts.*  as in the table
create or replace macro identity_events(source) as table
select
    job_id,
    source_id,
    named_order(occurred_at, event_id, upn, source_name) as named_key,
    app_name,
    source_type,
    upn,
    source_name,
    case when target_id is not null then order_key end as target_key,
    target_id,
    occurred_at as last_event_at,
    case when state is not null then order_key end as state_key,
    state,
    benign,
    error_code,
    case when status = 'success' or state = 'in_sync' then occurred_at end as last_success_at,
    (status in ('success', 'failure'))::bigint as attempts,
    (status = 'failure')::bigint as failures,
    benign::bigint as benign_skips,
    object_number(job_id, source_id) as object
from (
    select
        *,
        order_of(occurred_at, event_id) as order_key,
        state_of("action", status, skip_reason) as state,
        is_benign(status, skip_reason, error_code) as benign
    from query_table(source)
    where source_id is not null
);

-- identity_fold(parts): one row per object of a table with the columns of identity_parts, with those columns.
--   identity_parts.*  as in the table
create or replace macro identity_fold(parts) as table
select
    any_value(job_id) as job_id,
    any_value(source_id) as source_id,
    max(named_key) as named_key,
    arg_max_null(app_name, named_key) as app_name,
    arg_max_null(source_type, named_key) as source_type,
    arg_max_null(upn, named_key) as upn,
    arg_max_null(source_name, named_key) as source_name,
    max(target_key) as target_key,
    arg_max(target_id, target_key) as target_id,
    max(last_event_at) as last_event_at,
    max(state_key) as state_key,
    arg_max(state, state_key) as state,
    arg_max(benign, state_key) as benign,
    arg_max_null(error_code, state_key) as error_code,
    max(last_success_at) as last_success_at,
    coalesce(sum(attempts), 0)::bigint as attempts,
    coalesce(sum(failures), 0)::bigint as failures,
    sum(benign_skips)::bigint as benign_skips,
    object
from query_table(parts)
group by object;

-- identities: one row per object in one app, with its newest state, from the rows that each transaction left.
--   job_id           the job
--   app_name         the app's newest name
--   source_id        the object's id in Entra
--   source_type      User, Group or another kind of object
--   upn              the newest UPN
--   source_name      the newest display name
--   target_id        the newest id in the app
--   state            in_sync, failing, skipped, disabled or deleted
--   last_event_at    the newest event
--   last_success_at  the newest event that left it in sync
--   attempts         events that succeeded or failed
--   failures         events that failed
--   benign_skips     expected skips
--   benign           whether the event that decided the state was expected or no skip
--   success_share    successes of attempts; null without any
--   open_error_code  the newest error where the state is failing
create or replace view identities as
select
    job_id,
    app_name,
    source_id,
    source_type,
    upn,
    source_name,
    target_id,
    coalesce(state, 'skipped') as state,
    last_event_at,
    last_success_at,
    attempts,
    failures,
    benign_skips,
    coalesce(benign, true) as benign,
    (attempts - failures) / nullif(attempts, 0) as success_share,
    case when state = 'failing' then error_code end as open_error_code
from identity_fold('identity_parts');
