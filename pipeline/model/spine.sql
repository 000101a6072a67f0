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
        order_of(occurred_at, event_id) as order_key,
        state_of("action", status, skip_reason) as state,
        is_benign(status, skip_reason, error_code) as benign,
        footing_of("action", status, skip_reason, error_code) as footing,
        removal_of("action", last_step) as removal,
        account_change("action", status, skip_reason, last_step, changes) as account,
        coalesce(list_contains(list_transform(steps, lambda s: s."type"), 'scoping'), false) as is_scoping,
        list_transform(list_filter(steps, lambda s: mentions_facts(s."name", s.details)),
            lambda s: {'type': s."type", 'name': s."name", 'details': s.details}) as fact_steps
    from query_table(source)
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
    account,
    scope_change(footing, removal) as scope
from (
    select n.*, f.left_as, leaving_ends(n.removal, f.left_as, n.footing, n.status, n.skip_reason) as ends
    from query_table(narrow) n
    join query_table(wordings) f on f.wording = n.wording
);
