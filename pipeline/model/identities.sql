-- One object in one app, and what is known of it last.

-- folded_name, folded_state: what an object is called and how it stands, from the parts that each transaction left of it.
create or replace macro identity_name(upn, source_name, named_key) as
    coalesce(arg_max_null(upn, named_key), arg_max_null(source_name, named_key));
create or replace macro identity_state(state, state_key) as coalesce(arg_max(state, state_key), 'skipped');

-- identities: the latest word on one object in one app, folded from the parts that each transaction left.
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
