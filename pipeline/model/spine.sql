-- The spine: one narrow row per event, written beside it, so that nothing wide is read twice.

-- enabling_of(changes): what an event writes of whether its account is in use; null where it writes nothing of it.
create or replace macro enabling_of(changes) as
    list_filter(
        list_transform(changes, lambda c: case lower(split_part(c.attribute, ':', -1))
            when 'active' then truth_value(c.new_value)
            when 'accountenabled' then truth_value(c.new_value)
            when 'suspended' then not truth_value(c.new_value)
            when 'deactivated' then not truth_value(c.new_value)
            when 'issoftdeleted' then not truth_value(c.new_value) end),
        lambda w: w is not null)[-1];

-- account_change(action, status, skip_reason, removal, enabling, unanswered): what an event shows its object's account
-- to be from then on: active, disabled, deleted, absent (a create that failed) or unknown (one that the app did not
-- answer); null where it leaves it as it was. Only what writes it enables or disables an account; an update of a title
-- does not.
create or replace macro account_change("action", status, skip_reason, removal, enabling, unanswered) as
    case
        when "action" = 'create' and status = 'failure' then if(unanswered, 'unknown', 'absent')
        when not coalesce(status in ('success', 'warning') or status = 'skipped' and skip_reason = 'RedundantExport', false)
            then null
        when "action" = 'delete' then 'deleted'
        when removal = 'disable' then 'disabled'
        when status = 'skipped' or removal is not null then null
        when enabling = false then 'disabled'
        when "action" = 'create' or enabling then 'active'
    end;

-- account_shown(account, status, skip_reason, removal, left_as, facts): account_change, or active where both sides
-- match and Entra read its own account as enabled: so is the app's.
create or replace macro account_shown(account, status, skip_reason, removal, left_as, facts) as
    case when account is null and status = 'skipped' and skip_reason = 'RedundantExport' and removal is null
        and left_as is null and facts.enabled and coalesce(facts.assigned, true) then 'active' else account end;

-- scope_change(footing, removal, status, left_as, facts): whether an event shows its object in scope or out of it; null
-- where it shows neither. What the scoping step judged comes first: a disable of somebody who is still assigned leaves
-- the person in scope.
create or replace macro scope_change(footing, removal, status, left_as, facts) as
    case
        when facts.assigned = false or facts.has_role = false or facts.entitled = false or facts.passed = false
            or footing = 'out' then 'out'
        when left_as in ('unassigned', 'no longer found') then 'out'
        when facts.assigned and coalesce(facts.passed, true) then 'in'
        when (footing = 'in' or footing = 'problem' and status <> 'skipped') and removal is null and left_as is null then 'in'
    end;

-- narrow_events(source): one row per event of a table without what is wide: the steps are read once, and only those
-- that may show why an object is in scope, is skipped or leaves go on.
--   event_id     the event
--   tenant_id    the tenant
--   job_id       the job
--   app_name     the app's name
--   cycle_id     the cycle
--   occurred_at  when it happened
--   source_id    the object's id in Entra
--   source_type  User, Group or another kind of object
--   name         the UPN, else the display name
--   status       how the event ended
--   error_code   the error's code
--   skip_reason  the reason of a skip
--   object       the object, by object_number; null where the event names none
--   order_key    its place in the order of events, by order_of
--   state        the state in which it leaves its object, by state_of
--   benign       whether it is an expected skip, by is_benign
--   footing      how it leaves its object, by footing_of
--   removal      what it was to take away, by removal_of
--   account      what it makes of the account, by account_change
--   is_scoping   whether a step judged the object's scope
--   fact_steps   the steps that go on
--   wording      these steps as a number: thousands of events say the same in the same words
create or replace macro narrow_events(source) as table
select *, hash(fact_steps) as wording
from (
    select
        event_id,
        tenant_id,
        job_id,
        app_name,
        cycle_id,
        occurred_at,
        source_id,
        source_type,
        coalesce(upn, source_name) as "name",
        status,
        error_code,
        skip_reason,
        case when source_id is not null then object_number(job_id, source_id) end as object,
        order_of(occurred_at, event_id, "action", status) as order_key,
        state_of("action", status, skip_reason) as state,
        is_benign(status, skip_reason, error_code) as benign,
        footing_of("action", status, skip_reason, error_code) as footing,
        removal,
        account_change("action", status, skip_reason, removal, enabling, is_unanswered(error_code, http_status))
            as account,
        coalesce(list_contains(list_transform(steps, lambda s: s."type"), 'scoping'), false) as is_scoping,
        list_transform(list_filter(steps, lambda s: mentions_facts(s."name", s.details)),
            lambda s: {'type': s."type", 'name': s."name", 'details': s.details}) as fact_steps
    from (
        select *, removal_of("action", last_step, steps, enabling) as removal
        from (select *, enabling_of(changes) as enabling from query_table(source))
    )
);

-- step_facts_of(narrow): one row per wording of narrow_events: what its steps show, read once.
--   wording  the steps as a number
--   left_as  why Entra removes somebody, by leaving_reason
--   facts    why the object is in scope or not, by scope_facts
--   judged   everything that it was judged by, by judged_clauses
create or replace macro step_facts_of(narrow) as table
select wording, leaving_reason(steps) as left_as, facts, judged_clauses(facts) as judged
from (
    select wording, steps, scope_facts(steps) as facts
    from (select wording, any_value(fact_steps) as steps from query_table(narrow) group by wording)
);

-- spine_rows(narrow, wordings): one row per event of narrow_events, with the columns of the table event_spine; wordings are
-- their step_facts_of.
--   event_spine.*  as in the table
create or replace macro spine_rows(narrow, wordings) as table
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
    account_shown(account, status, skip_reason, removal, left_as, facts) as account,
    scope_change(footing, removal, status, left_as, facts) as scope
from (
    select n.*, f.left_as, f.facts, leaving_ends(n.removal, f.left_as, n.footing, n.status, n.skip_reason) as ends
    from query_table(narrow) n
    join query_table(wordings) f on f.wording = n.wording
);
