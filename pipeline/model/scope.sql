-- Who is in scope, and by which clause who is not.

-- details_of(details): a step's details as an object; some records keep the object as a text of JSON.
create or replace macro details_of(details) as
    case when json_type(details) = 'VARCHAR' then try_cast(details ->> '$' as json) else details end;

-- step_facts(details, step_type): the values that a step has for each of the facts of scope_facts, under both of
-- Graph's sets of names. What is there of the account itself counts only in an import or where scope is judged: a later
-- step may speak of the app's own account.
create or replace macro step_facts(details, step_type) as
    list_transform(
        coalesce(json_extract_string(details_of(details), [
            '$."Active in the source system"', '$."IsActive"', '$."Assigned to the application"', '$."Assigned"',
            '$."User has the required role"', '$."Group has the required role"',
            '$."IsEffectivelyEntitledForProvisioning"', '$."Scoping filter evaluation passed"',
            '$."IsInProvisioningScopeDisplayName"', '$."ScopeEvaluationResult"', '$."SkipReason"', '$."PropertyName"',
            '$."accountEnabled"', '$."IsSoftDeleted"', '$."appRoleAssignments"']), list_resize([]::varchar[], 15)),
        lambda w, place: case when place <= 12 or coalesce(step_type, 'import') in ('import', 'scoping')
            then nullif(trim(w), '') end);

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

-- judged_clauses(facts): everything that an object was judged by: Graph's own four questions, then the filter's
-- clauses.
create or replace macro judged_clauses(facts) as
    list_filter([
        {'clause': 'Active in the source system', 'met': facts.active},
        {'clause': 'Assigned to the application', 'met': facts.assigned},
        {'clause': 'Has the required role', 'met': coalesce(facts.has_role, facts.entitled)},
        {'clause': 'Scoping filter evaluation passed', 'met': facts.passed}
    ] || filter_clauses(facts.evaluation), lambda c: c.met is not null);

-- mentions_facts(name, details): whether a step's text may show why an object is in scope, is skipped or leaves; most
-- show nothing of it, and looking is quicker than reading.
create or replace macro mentions_facts("name", details) as
    contains(details::varchar, 'Scop') or contains(details::varchar, 'Assigned') or contains(details::varchar, 'Active')
    or contains(details::varchar, 'required role') or contains(details::varchar, 'Entitled')
    or contains(details::varchar, 'SkipReason') or contains(details::varchar, 'PropertyName')
    or contains(details::varchar, 'ccountEnabled') or contains(details::varchar, 'IsSoftDeleted')
    or contains(details::varchar, 'appRoleAssignments') or coalesce("name" = 'EntryImportObjectNotFound', false);

-- scope_rows(narrow, wordings): one row per job, day and clause: how often it was judged and not met among narrow_events,
-- with the columns of the table scope_parts; wordings are their step_facts_of.
--   scope_parts.*  as in the table
create or replace macro scope_rows(narrow, wordings) as table
select
    "day",
    tenant_id,
    job_id,
    max(app_name) as app_name,
    verdict.clause as clause,
    sum(events)::bigint as evaluated,
    coalesce(sum(events) filter (where not verdict.met), 0)::bigint as failed
from (
    select n."day", n.tenant_id, n.job_id, n.app_name, n.events, unnest(f.judged) as verdict
    from (
        select date_trunc('day', occurred_at) as "day", tenant_id, job_id, app_name, wording, count(*) as events
        from query_table(narrow)
        where is_scoping
        group by all
    ) n
    join query_table(wordings) f on f.wording = n.wording
)
group by all;
