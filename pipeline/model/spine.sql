-- The spine: one narrow row per event, written beside it, so that nothing wide is read twice.

-- account_change(action, status, skip_reason, last_step, changes): what an event makes of its object's account: active,
-- disabled or deleted; null where it leaves it as it was. An update enables an account only where it writes that.
create or replace macro account_change("action", status, skip_reason, last_step, changes) as
    case
        when not coalesce(status in ('success', 'warning') or skip_reason = 'RedundantExport', false) then null
        when "action" = 'delete' then 'deleted'
        when removal_of("action", last_step) = 'disable' then 'disabled'
        when status = 'skipped' then null
        when "action" = 'create' then 'active'
        when "action" = 'update' and len(list_filter(changes, lambda c: lower(c.attribute) in ('active', 'accountenabled')
            and truth_value(c.new_value))) > 0 then 'active'
    end;

-- scope_change(footing, removal): whether an event shows its object in scope or out of it; null where it shows neither.
create or replace macro scope_change(footing, removal) as
    case when footing = 'out' then 'out' when footing in ('in', 'problem') and removal is null then 'in' end;

-- spine_rows(source): one row per event of a table, with the columns of the table event_spine.
--   event_spine.*  as in the table
create or replace macro spine_rows(source) as table
select
    occurred_at,
    object,
    order_key,
    job_id,
    cycle_id,
    state,
    benign,
    case when object is not null and (footing is not null or removal is not null)
        then footing_word(footing, left_as, ends, skip_reason) end as word,
    footing,
    removal,
    left_as,
    ends,
    account,
    scope_change(footing, removal) as scope
from (
    select *, leaving_ends(removal, left_as, footing, status, skip_reason) as ends
    from (
        select
            *,
            case when source_id is not null then object_number(job_id, source_id) end as object,
            order_of(occurred_at, event_id) as order_key,
            state_of("action", status, skip_reason) as state,
            is_benign(status, skip_reason, error_code) as benign,
            footing_of("action", status, skip_reason, error_code) as footing,
            removal_of("action", last_step) as removal,
            leaving_reason(steps) as left_as,
            account_change("action", status, skip_reason, last_step, changes) as account
        from query_table(source)
    )
);
