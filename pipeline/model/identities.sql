-- One object in one app, and what is known of it last.

-- identity_name(upn, source_name, named_key): an aggregate: what an object is called, from the rows that each
-- transaction left of it.
create or replace macro identity_name(upn, source_name, named_key) as
    coalesce(arg_max_null(upn, named_key), arg_max_null(source_name, named_key));

-- identity_state(state, state_key): an aggregate: an object's state, from the rows that each transaction left of it.
create or replace macro identity_state(state, state_key) as coalesce(arg_max(state, state_key), 'skipped');

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
    arg_max_null(app_name, named_key) as app_name,
    source_id,
    arg_max_null(source_type, named_key) as source_type,
    arg_max_null(upn, named_key) as upn,
    arg_max_null(source_name, named_key) as source_name,
    arg_max(target_id, target_key) as target_id,
    identity_state(state, state_key) as state,
    max(last_event_at) as last_event_at,
    max(last_success_at) as last_success_at,
    sum(attempts)::bigint as attempts,
    sum(failures)::bigint as failures,
    sum(benign_skips)::bigint as benign_skips,
    coalesce(arg_max(benign, state_key), true) as benign,
    (sum(attempts) - sum(failures)) / nullif(sum(attempts), 0) as success_share,
    case when arg_max(state, state_key) = 'failing' then arg_max_null(error_code, state_key) end as open_error_code
from identity_parts
group by job_id, source_id;
