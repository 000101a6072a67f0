-- Who is in scope and who is skipped, and why. Read after wire.sql.

-- last_told: the last event of each object of each job in a stretch of time, and where it left the funnel; '' where it
-- reached the app. The failed step is taken from problems, so that no steps are read.
create or replace macro last_told(since, until) as table
with lasts as (
    select
        job_id,
        source_id,
        max(tenant_id) as tenant_id,
        max(occurred_at) as occurred_at,
        arg_max({'event_id': event_id, 'action': "action", 'status': status, 'skip_reason': skip_reason,
            'error_code': error_code, 'app_name': app_name, 'name': coalesce(upn, source_name, source_id)},
            order_of(occurred_at, event_id)) as told
    from events
    where occurred_at >= since and occurred_at < until and source_id is not null
    group by job_id, source_id
)
select
    l.job_id,
    l.source_id,
    l.tenant_id,
    l.occurred_at,
    l.told.event_id as event_id,
    l.told."action" as "action",
    l.told.status as status,
    l.told.skip_reason as skip_reason,
    l.told.error_code as error_code,
    l.told.app_name as app_name,
    l.told."name" as "name",
    coalesce(leak_of(l.told."action", l.told.status, l.told.skip_reason, l.told.error_code,
        [{'type': p.step_type, 'status': 'failure'}]), '') as leak
from lasts l
left join problems p on p.event_id = l.told.event_id and p.job_id is not distinct from l.job_id;

-- truth_of: a yes or no, as records spell it: true, "True", "FALSE"; null where it is neither.
create or replace macro truth_of(word) as
    case lower(trim(word)) when 'true' then true when 'yes' then true when '1' then true
        when 'false' then false when 'no' then false when '0' then false end;

-- details_of: a step's details as an object; some records hold the object as a text of JSON.
create or replace macro details_of(details) as
    case when json_type(details) = 'VARCHAR' then try_cast(details ->> '$' as json) else details end;

-- said_of: what a step says on each of the facts of scope_facts, under both of Graph's sets of names. What is said of the
-- account itself counts only in an import: a later step may tell of the app's own account.
create or replace macro said_of(details, step_type) as
    list_transform(
        coalesce(json_extract_string(details_of(details), [
            '$."Active in the source system"', '$."IsActive"', '$."Assigned to the application"', '$."Assigned"',
            '$."User has the required role"', '$."Group has the required role"',
            '$."IsEffectivelyEntitledForProvisioning"', '$."Scoping filter evaluation passed"',
            '$."IsInProvisioningScopeDisplayName"', '$."ScopeEvaluationResult"', '$."SkipReason"', '$."PropertyName"',
            '$."accountEnabled"', '$."IsSoftDeleted"', '$."appRoleAssignments"']), list_resize([]::varchar[], 15)),
        lambda w, place: case when place <= 12 or coalesce(step_type, 'import') = 'import' then nullif(trim(w), '') end);

-- scope_facts: what an event's steps say about why its object is in scope or not; a later step's word counts.
create or replace macro scope_facts(steps) as
    list_transform([list_reduce(
        list_concat([list_resize([]::varchar[], 15)], list_transform(steps, lambda s: said_of(s.details, s."type"))),
        lambda before, told: list_transform(told, lambda w, place: coalesce(w, before[place])))
    ], lambda said: {
        'active': truth_of(coalesce(said[1], said[2])),
        'assigned': truth_of(coalesce(said[3], said[4])),
        'has_role': truth_of(coalesce(said[5], said[6])),
        'entitled': truth_of(said[7]),
        'passed': truth_of(coalesce(said[8], said[9])),
        'evaluation': said[10],
        'skip_reason': said[11],
        'attribute': said[12],
        'enabled': truth_of(said[13]),
        'soft_deleted': truth_of(said[14]),
        'role': said[15]
    })[1];

-- filter_clauses: the clauses of a scoping filter with their verdicts, from ScopeEvaluationResult, a text of JSON.
create or replace macro filter_clauses(evaluation) as
    coalesce(list_transform(
        map_entries(try(case when json_type(evaluation) = 'OBJECT' then from_json(evaluation, '"MAP(VARCHAR, VARCHAR)"') end)),
        lambda c: {'clause': c."key", 'met': truth_of(c."value")}), []);

-- speaks_of_scope, speaks_of_skip: whether a step's details may hold one of the words by which an object is judged, or by
-- which a skip is explained; most hold none, and looking is quicker than reading.
create or replace macro speaks_of_scope(details) as
    contains(details::varchar, 'Scop') or contains(details::varchar, 'Assigned') or contains(details::varchar, 'Active')
    or contains(details::varchar, 'required role') or contains(details::varchar, 'Entitled');

create or replace macro speaks_of_skip(details) as
    contains(details::varchar, 'SkipReason') or contains(details::varchar, 'PropertyName')
    or contains(details::varchar, 'accountEnabled') or contains(details::varchar, 'IsSoftDeleted')
    or contains(details::varchar, 'appRoleAssignments');

-- judged_clauses: everything that an object was judged by: Graph's own four questions, then the filter's clauses.
-- scope_clauses reads them from an event's steps.
create or replace macro judged_clauses(facts) as
    list_filter([
        {'clause': 'Active in the source system', 'met': facts.active},
        {'clause': 'Assigned to the application', 'met': facts.assigned},
        {'clause': 'Has the required role', 'met': coalesce(facts.has_role, facts.entitled)},
        {'clause': 'Scoping filter evaluation passed', 'met': facts.passed}
    ] || filter_clauses(facts.evaluation), lambda c: c.met is not null);
create or replace macro scope_clauses(steps) as
    list_transform([scope_facts(steps)], lambda f: judged_clauses(f))[1];

-- skip_kind: why an event was skipped, in one of the words of skip_kinds; 'not stated' where the log does not say.
-- What the service itself gives as its reason comes first; that somebody is not entitled has a cause among the facts.
create or replace macro skip_kind(reason, facts, clauses) as
    case
        when reason ilike '%RedundantExport' then 'already equal'
        when reason ilike '%EntityTypeNotSupported' then 'unsupported object'
        when reason ilike '%ImportSkipped' then 'matching attribute missing'
        when reason ilike '%AttributeValidationFailed' or reason ilike '%MandatoryFieldsMissing'
            or reason ilike '%MissingValues' then 'required attribute missing'
        when reason ilike '%UnableToResolveReferenceAttributeValue' then 'reference unresolved'
        when coalesce(reason, '') not in ('', 'NotEffectivelyEntitled', 'out of scope')
            and reason not ilike '%EntrySynchronizationSkipped' then 'reason unfamiliar'
        when facts.active = false and facts.enabled = false then 'disabled in the source'
        when facts.active = false and facts.soft_deleted then 'soft-deleted'
        when facts.active = false then 'inactive in the source'
        when facts.assigned = false then 'not assigned'
        when facts.passed = false then 'scoping filter not met'
        when facts.has_role = false then 'assigned without a role'
        when facts.passed is null and len(clauses) > 0 then 'scoping filter not met'
        when facts.enabled = false then 'disabled in the source'
        when facts.assigned and facts.role ilike '%default access%' then 'default access only'
        when facts.assigned and (facts.entitled = false or reason = 'NotEffectivelyEntitled') then 'assignment faulty'
        when facts.soft_deleted then 'soft-deleted'
        when facts.attribute is not null then 'required attribute missing'
        when facts.entitled = false or reason = 'NotEffectivelyEntitled' then 'not entitled'
        when reason ilike '%EntrySynchronizationSkipped' then 'out of scope or equal'
        else 'not stated'
    end;

-- skip_wants: whether a kind of skip needs somebody: 'nobody' (both sides match), 'as intended' (out of scope, and the
-- log says by which rule) or 'somebody'.
create or replace macro skip_wants(kind) as
    case
        when kind in ('already equal', 'out of scope or equal') then 'nobody'
        when kind in ('not assigned', 'disabled in the source', 'soft-deleted', 'inactive in the source',
            'scoping filter not met', 'unsupported object', 'not entitled') then 'as intended'
        else 'somebody'
    end;

-- skip_sentence: why somebody was skipped, for a person to read.
create or replace macro skip_sentence(kind, who, app_name, source_type, attribute, clauses, reason) as
    case kind
        when 'already equal' then who || ': both sides match already, so there was nothing to write.'
        when 'not assigned' then who || ' is not assigned to ' || app_name || '.'
        when 'assigned without a role' then who || ' is assigned to ' || app_name || ', but has no role that is provisioned.'
        when 'default access only' then who || ' has only Default Access to ' || app_name || ', which is not provisioned.'
        when 'assignment faulty' then who || ' is assigned to ' || app_name
            || ', yet Entra does not count it as entitled: the assignment has no valid role or its record is faulty.'
        when 'disabled in the source' then who || ' is out of scope because the account is disabled in Entra.'
        when 'soft-deleted' then who || ' is out of scope because it is deleted in Entra (it can be restored for 30 days).'
        when 'inactive in the source' then who || ' is out of scope because it is not active in Entra: disabled or deleted.'
        when 'scoping filter not met' then who || ' is left out by the scoping filter' || case len(clauses)
            when 0 then '; the log does not name the clause.'
            when 1 then ': ' || clauses[1] || ' is not true.'
            else ': ' || array_to_string(clauses, '; ') || ' are not true.' end
        when 'required attribute missing' then who || ' lacks a valid value'
            || coalesce(' for ' || attribute || ', which ', '; which attribute the log does not say, but ') || app_name || ' requires'
            || case when attribute is null then ' it.' else '.' end
        when 'matching attribute missing' then case when lower(source_type) = 'group' then 'The group ' else '' end || who
            || ' has no value for the matching attribute' || coalesce(' ' || attribute, '')
            || '; whether it is in scope was not looked at.'
        when 'reference unresolved' then who || ' refers to somebody who is not in ' || app_name || '.'
        when 'unsupported object' then who || ' is a kind of object that this job does not provision.'
        when 'not entitled' then who || ' is not entitled to ' || app_name
            || '; the log does not say whether for want of an assignment, of a role or of an active account.'
        when 'out of scope or equal' then who || ' is out of scope or in sync already; the log does not say which.'
        when 'reason unfamiliar' then who || ' was skipped for the reason ' || coalesce(reason, '?')
            || ', which nobody has documented.'
        else who || ' was skipped. The log does not say why.'
    end;

-- skip_cure: what to do about it, if it is not meant so.
create or replace macro skip_cure(kind, app_name, source_type, attribute) as
    case kind
        when 'already equal' then 'Nothing.'
        when 'not assigned' then 'If it should have access, assign it, or a group that it is a direct member of, to ' || app_name || '.'
        when 'assigned without a role' then 'Assign it again with a role that the app provisions.'
        when 'default access only' then 'Assign a role other than Default Access; jobs made before 16 April 2020 skip that one.'
        when 'assignment faulty' then 'Remove the assignment, assign it again, then provision on demand.'
        when 'disabled in the source' then 'Nothing if it left; otherwise enable the account in Entra.'
        when 'soft-deleted' then 'Nothing if it left; otherwise restore it in Entra within 30 days.'
        when 'inactive in the source' then 'Nothing if it left; otherwise enable or restore the account in Entra.'
        when 'scoping filter not met' then 'If it should be in, change its attribute, or the filter on the mapping page of the job.'
        when 'required attribute missing' then 'Fill ' || coalesce(attribute, 'the attribute')
            || ' in the source, or give the mapping a default value; then provision on demand.'
        when 'matching attribute missing' then 'Fill the matching attribute in the source, or match by one that every '
            || case when lower(source_type) = 'group' then 'group' else 'person' end || ' has.'
        when 'reference unresolved' then 'Assign whom it refers to as well.'
        when 'unsupported object' then 'Nothing; take it out of the assignments to see it no more.'
        when 'not entitled' then 'If it should have access, look at its assignment, its role and whether it is enabled.'
        when 'out of scope or equal' then 'Nothing, unless it should be in: provision on demand then says which.'
        else 'Provision on demand: its answer says more than the log.'
    end;

-- skip_rows: the skips among the events of a table, each with its kind and what its sentence names. Many events are
-- skipped in the same words; these are read once.
create or replace macro skip_rows(source) as table
with told as materialized (
    select *, hash(said, skip_reason, error_code) as words
    from (
        select
            * exclude (steps, changes),
            list_transform(list_filter(steps, lambda s: speaks_of_scope(s.details) or speaks_of_skip(s.details)),
                lambda s: {'type': s."type", 'details': s.details}) as said
        from query_table(source)
        where status = 'skipped'
    )
), understood as (
    select *, skip_kind(reason, facts, clauses) as kind
    from (
        select
            *,
            list_filter(unmet, lambda c: c not in ('Active in the source system', 'Assigned to the application',
                'Has the required role', 'Scoping filter evaluation passed')) as clauses
        from (
            select
                words,
                facts,
                coalesce(skip_reason, facts.skip_reason, error_code) as reason,
                list_transform(list_filter(judged_clauses(facts), lambda c: not c.met), lambda c: c.clause) as unmet
            from (
                select
                    words,
                    any_value(skip_reason) as skip_reason,
                    any_value(error_code) as error_code,
                    scope_facts(any_value(said)) as facts
                from told
                group by words
            )
        )
    )
)
select
    1::integer as recipe,
    t.event_id,
    t.tenant_id,
    t.job_id,
    t.app_name,
    t.cycle_id,
    t.occurred_at,
    order_of(t.occurred_at, t.event_id) as order_key,
    t.source_id,
    t.source_type,
    coalesce(t.upn, t.source_name, t.source_id, 'An object that the log does not name') as "name",
    u.kind,
    u.facts.attribute as attribute,
    u.clauses,
    u.reason,
    u.unmet
from told t
join understood u using (words);

-- scope_rows: how often each clause was judged and not met, by job and day, among the events of a table.
create or replace macro scope_rows(source) as table
select
    "day",
    tenant_id,
    job_id,
    max(app_name) as app_name,
    judged.clause as clause,
    sum(events)::bigint as evaluated,
    coalesce(sum(events) filter (where not judged.met), 0)::bigint as failed
from (
    -- Thousands of events say the same of their scope in the same words; these are read once.
    select "day", tenant_id, job_id, app_name, events, unnest(scope_clauses(said)) as judged
    from (
        select
            any_value("day") as "day",
            any_value(tenant_id) as tenant_id,
            any_value(job_id) as job_id,
            any_value(app_name) as app_name,
            any_value(said) as said,
            count(*) as events
        from (
            select
                date_trunc('day', occurred_at) as "day",
                tenant_id,
                job_id,
                app_name,
                list_transform(list_filter(steps, lambda s: speaks_of_scope(s.details)),
                    lambda s: {'type': s."type", 'details': s.details}) as said
            from query_table(source)
            where list_contains(list_transform(steps, lambda s: s."type"), 'scoping')
        )
        group by hash("day", tenant_id, job_id, app_name, said)
    )
)
group by all;
