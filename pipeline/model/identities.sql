-- One object in one app: what is known of it last, under which names it was seen, and what its account is.

-- identity_name(upn, source_name, named_key): an aggregate: what an object is called, from the rows that each
-- transaction left of it.
create or replace macro identity_name(upn, source_name, named_key) as
    coalesce(arg_max_null(upn, named_key), arg_max_null(source_name, named_key));

-- account_order(order_key, account): the place of what an event shows of an account among all that its object's
-- events show: a create that fails takes nothing away, so it counts only where nothing else was ever shown, and one that
-- the app did not answer before one that it did.
create or replace macro account_order(order_key, account) as
    order_key - case account when 'unknown' then 4611686018427387904 when 'absent' then 9223372036854775807 else 0 end;

-- account_of(account, account_key, present_key, removal_key, failed_key, failed_error): an object's account in the app:
-- active, disabled, deleted, absent or unknown. What came after a delete shows another account, or that it could not be
-- made; where both sides match and nothing else was shown of it, it is in use, as after a restart that broke the links
-- and made a create fail.
create or replace macro account_of(account, account_key, present_key, removal_key, failed_key, failed_error) as
    case
        when account in ('absent', 'unknown') and present_key is not null then 'active'
        when account = 'deleted' and present_key > account_key then 'active'
        when account = 'deleted' and failed_key > account_key and failed_key is distinct from removal_key
            then if(is_unanswered(failed_error, null), 'unknown', 'absent')
        else coalesce(account, case when present_key is not null then 'active' end, 'unknown')
    end;

-- state_with_account(outcome, account): an object's state, by its last outcome and its account: what waits for a retry comes
-- first, then an account that is disabled or deleted, whatever was skipped since. Where no event decides anything, such as
-- one with an undocumented status, it is unknown.
create or replace macro state_with_account(outcome, account) as
    case when outcome is distinct from 'failing' and account in ('disabled', 'deleted') then account
        else coalesce(outcome, 'unknown') end;

-- attempt_is_open(state, benign, removal_key, settled_key, failed_key, out_key): whether an attempt failed and nothing
-- settled it since. Both sides match, or the account is gone: that settles everything. Leaving scope settles all but a
-- disable or delete; a skip for another reason, as for want of an attribute, settles nothing. state, benign: of the event
-- that decided last.
create or replace macro attempt_is_open(state, benign, removal_key, settled_key, failed_key, out_key) as
    coalesce(removal_key > coalesce(settled_key, 0), false)
    or coalesce(state = 'failing', false)
    or coalesce(
        state = 'skipped' and not benign and failed_key > greatest(coalesce(settled_key, 0), coalesce(out_key, 0)), false);

-- identity_state(state, benign, state_key, account, account_key, present_key, removal_key, settled_key, failed_key,
-- out_key): an aggregate: an object's state, from the rows that each transaction left of it.
create or replace macro identity_state(
    state, benign, state_key, account, account_key, present_key, removal_key, settled_key, failed_key, out_key
) as
    state_with_account(
        case
            when attempt_is_open(arg_max(state, state_key), arg_max(benign, state_key), max(removal_key),
                max(settled_key), max(failed_key), max(out_key)) then 'failing'
            else arg_max(state, state_key)
        end,
        account_of(arg_max(account, account_key), max(account_key), max(present_key), max(removal_key), max(failed_key),
            null));

-- identity_events(source, spine): one row per event of a table that names its object, with the columns of the table
-- identity_parts: what is known of the object from this event alone. spine: the same events' rows of the spine.
--   identity_parts.*  as in the table
create or replace macro identity_events(source, spine) as table
select
    e.job_id,
    e.source_id,
    named_order(s.order_key, e.upn, e.source_name) as named_key,
    e.app_name,
    e.source_type,
    e.upn,
    e.source_name,
    case when e.target_id is not null then s.order_key end as target_key,
    e.target_id,
    e.occurred_at as last_event_at,
    case when s.state is not null then s.order_key end as state_key,
    s.state,
    s.benign,
    e.error_code,
    case when e.status = 'success' or s.state = 'in_sync' then e.occurred_at end as last_success_at,
    (e.status in ('success', 'failure'))::bigint as attempts,
    (e.status = 'failure')::bigint as failures,
    s.benign::bigint as benign_skips,
    s.object,
    e.occurred_at as first_event_at,
    case when s.account is not null then account_order(s.order_key, s.account) end as account_key,
    s.account,
    case when s.footing = 'in' and s.removal is null and s.left_as is null then s.order_key end as present_key,
    case when s.scope is not null then s.order_key end as scope_key,
    s."scope" = 'in' as in_scope,
    case when fails_to_remove(s.removal, e.status) then s.order_key end as removal_key,
    case when s.footing in ('in', 'gone') then s.order_key end as settled_key,
    case when s.state = 'failing' then s.order_key end as failed_key,
    case when s.state = 'failing' then e.error_code end as failed_error,
    case when s.footing = 'out' then s.order_key end as out_key
from query_table(source) e
join query_table(spine) s
    on s.object = object_number(e.job_id, e.source_id)
    and s.order_key = order_of(e.occurred_at, e.event_id, e."action", e.status)
where e.source_id is not null;

-- identity_fold(parts, by_names): one row per object of a table with the columns of identity_parts, or per object and
-- names under which it was seen, with those columns.
--   identity_parts.*  as in the table
create or replace macro identity_fold(parts, by_names) as table
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
    object,
    min(first_event_at) as first_event_at,
    max(account_key) as account_key,
    arg_max(account, account_key) as account,
    max(present_key) as present_key,
    max(scope_key) as scope_key,
    arg_max(in_scope, scope_key) as in_scope,
    max(removal_key) as removal_key,
    max(settled_key) as settled_key,
    max(failed_key) as failed_key,
    arg_max_null(failed_error, failed_key) as failed_error,
    max(out_key) as out_key
from query_table(parts)
group by object, case when by_names then hash(upn, source_name, target_id) end;

-- is_never_shown(account, target_id, attempts, failures, present_key): whether an account counts as disabled or deleted only
-- because Entra found nothing to disable or delete: no event names an account, none succeeded, and both sides never
-- matched.
create or replace macro is_never_shown(account, target_id, attempts, failures, present_key) as
    coalesce(account in ('disabled', 'deleted'), false) and target_id is null and attempts = failures
        and present_key is null;

-- confirmed_state(state, rejects_any, rejects_removal): a state, or rejected where it is Entra's claim and the app rejected
-- the change that it rests on, the disable or delete of an account that is gone.
create or replace macro confirmed_state(state, rejects_any, rejects_removal) as
    case
        when state = 'in_sync' and rejects_any then 'rejected'
        when state in ('disabled', 'deleted') and rejects_removal then 'rejected'
        else state
    end;

-- identities: one row per object in one app, with its newest state, from the rows that each transaction left.
--   job_id           the job
--   app_name         the app's newest name
--   source_id        the object's id in Entra
--   source_type      User, Group or another kind of object
--   upn              the newest UPN
--   source_name      the newest display name
--   target_id        the newest id in the app
--   state            failing, rejected (Entra calls it done, and the app's log has an error), disabled, deleted, skipped,
--                    in_sync or, where no event decides it, unknown, in this precedence
--                    What failed in a job that was replaced is unknown once the newer job has handled the object
--   account          its account in the app: active, disabled, deleted, absent or unknown
--   in_scope         whether it is in scope, by the newest event that shows it; null where none does
--   last_event_at    the newest event
--   last_success_at  the newest event that left it in sync
--   attempts         events that succeeded or failed
--   failures         events that failed
--   benign_skips     expected skips
--   benign           whether the event that decided the last outcome was expected or no skip
--   success_share    successes of attempts; null without any
--   open_error_code  the newest error where the state is failing
create or replace view identities as
select
    i.job_id,
    app_name,
    i.source_id,
    source_type,
    upn,
    source_name,
    target_id,
    case when outcome = 'failing' and t.object is not null then 'unknown'
        else confirmed_state(state_with_account(outcome, account), r.object is not null, r.rejects_removal) end as state,
    case when r.rejects_account then 'unknown' else account end as account,
    in_scope,
    last_event_at,
    last_success_at,
    attempts,
    failures,
    benign_skips,
    coalesce(benign, true) as benign,
    (attempts - failures) / nullif(attempts, 0) as success_share,
    case when t.object is not null then null
        when state = 'failing' then error_code when is_open then failed_error end as open_error_code
from (
    select
        * replace (case when is_missing then 'unknown'
            else account_of(account, account_key, present_key, removal_key, failed_key, failed_error) end as account),
        case when is_open then 'failing' when not is_missing or state = 'skipped' then state end as outcome
    from (
        select *, attempt_is_open(state, benign, removal_key, settled_key, failed_key, out_key) as is_open,
            is_never_shown(account, target_id, attempts, failures, present_key) as is_missing
        from identity_fold('identity_parts', false)
    )
) i
left join taken_over t on t.object = i.object
left join (
    select object, rejects_removal, rejects_account from rejected_as_of([timestamp 'infinity'])
) r on r.object = i.object;

-- identity_names: one row per object in one app and set of names under which it was seen: whoever was renamed, or has
-- another account, has several.
--   job_id          the job
--   source_id       the object's id in Entra
--   upn             the UPN
--   source_name     the display name
--   target_id       the id in the app
--   first_event_at  the first event with these names
--   last_event_at   the newest
create or replace view identity_names as
select job_id, source_id, upn, source_name, target_id, first_event_at, last_event_at
from identity_fold('identity_parts', true);
