-- Who is in scope, and by which clause who is not.

-- details_of(details): a step's details as an object; some records keep the object as a text of JSON.
create or replace macro details_of(details) as
    case when json_type(details) = 'VARCHAR' then try_cast(details ->> '$' as json) else details end;

-- step_facts(details, step_type): the values that a step has for each of the facts of scope_facts, under both of
-- Graph's sets of names. What is there of the account itself counts only in an import: a later step may speak of the
-- app's own account.
create or replace macro step_facts(details, step_type) as
    list_transform(
        coalesce(json_extract_string(details_of(details), [
            '$."Active in the source system"', '$."IsActive"', '$."Assigned to the application"', '$."Assigned"',
            '$."User has the required role"', '$."Group has the required role"',
            '$."IsEffectivelyEntitledForProvisioning"', '$."Scoping filter evaluation passed"',
            '$."IsInProvisioningScopeDisplayName"', '$."ScopeEvaluationResult"', '$."SkipReason"', '$."PropertyName"',
            '$."accountEnabled"', '$."IsSoftDeleted"', '$."appRoleAssignments"']), list_resize([]::varchar[], 15)),
        lambda w, place: case when place <= 12 or coalesce(step_type, 'import') = 'import' then nullif(trim(w), '') end);

-- scope_facts(steps): why an event's object is in scope or not, from its steps; a later step's value counts.
create or replace macro scope_facts(steps) as
    list_transform([list_reduce(
        list_concat([list_resize([]::varchar[], 15)], list_transform(steps, lambda s: step_facts(s.details, s."type"))),
        lambda earlier, later: list_transform(later, lambda w, place: coalesce(w, earlier[place])))
    ], lambda facts: {
        'active': truth_value(coalesce(facts[1], facts[2])),
        'assigned': truth_value(coalesce(facts[3], facts[4])),
        'has_role': truth_value(coalesce(facts[5], facts[6])),
        'entitled': truth_value(facts[7]),
        'passed': truth_value(coalesce(facts[8], facts[9])),
        'evaluation': facts[10],
        'skip_reason': facts[11],
        'attribute': facts[12],
        'enabled': truth_value(facts[13]),
        'soft_deleted': truth_value(facts[14]),
        'role': facts[15]
    })[1];

-- filter_clauses(evaluation): the clauses of a scoping filter with their verdicts, from ScopeEvaluationResult, a text
-- of JSON.
create or replace macro filter_clauses(evaluation) as
    coalesce(list_transform(
        map_entries(try(case when json_type(evaluation) = 'OBJECT' then from_json(evaluation, '"MAP(VARCHAR, VARCHAR)"') end)),
        lambda c: {'clause': c."key", 'met': truth_value(c."value")}), []);

-- mentions_scope(details): whether a step's details may have one of the words by which an object is judged to be in
-- scope; most have none, and looking is quicker than reading.
create or replace macro mentions_scope(details) as
    contains(details::varchar, 'Scop') or contains(details::varchar, 'Assigned') or contains(details::varchar, 'Active')
    or contains(details::varchar, 'required role') or contains(details::varchar, 'Entitled');

-- judged_clauses(facts): everything that an object was judged by: Graph's own four questions, then the filter's
-- clauses.
create or replace macro judged_clauses(facts) as
    list_filter([
        {'clause': 'Active in the source system', 'met': facts.active},
        {'clause': 'Assigned to the application', 'met': facts.assigned},
        {'clause': 'Has the required role', 'met': coalesce(facts.has_role, facts.entitled)},
        {'clause': 'Scoping filter evaluation passed', 'met': facts.passed}
    ] || filter_clauses(facts.evaluation), lambda c: c.met is not null);

-- scope_clauses(steps): judged_clauses of an event's steps.
create or replace macro scope_clauses(steps) as
    list_transform([scope_facts(steps)], lambda f: judged_clauses(f))[1];

-- scope_rows(source): one row per job, day and clause: how often it was judged and not met among the events of a
-- table, with the columns of the table scope_parts.
--   scope_parts.*  as in the table
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
    select "day", tenant_id, job_id, app_name, events, unnest(scope_clauses(scope_steps)) as judged
    from (
        select
            any_value("day") as "day",
            any_value(tenant_id) as tenant_id,
            any_value(job_id) as job_id,
            any_value(app_name) as app_name,
            any_value(scope_steps) as scope_steps,
            count(*) as events
        from (
            select
                date_trunc('day', occurred_at) as "day",
                tenant_id,
                job_id,
                app_name,
                list_transform(list_filter(steps, lambda s: mentions_scope(s.details)),
                    lambda s: {'type': s."type", 'details': s.details}) as scope_steps
            from query_table(source)
            where list_contains(list_transform(steps, lambda s: s."type"), 'scoping')
        )
        group by hash("day", tenant_id, job_id, app_name, scope_steps)
    )
)
group by all;
