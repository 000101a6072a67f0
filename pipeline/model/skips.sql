-- Who is skipped, and why.

-- skip_kind(reason, facts, clauses): why an event was skipped, in one of the words of skip_kinds; 'not stated' where
-- the log does not show it. What the service itself gives as its reason comes first; a want of entitlement has a cause
-- among the facts.
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

-- kind_of_leaving(left_as): the kind of skip that says the same as what a removal shows of why somebody leaves.
create or replace macro kind_of_leaving(left_as) as
    case left_as
        when 'unassigned' then 'not assigned'
        when 'account disabled' then 'disabled in the source'
        when 'no longer found' then 'soft-deleted'
        when 'soft-deleted, disabled or unassigned' then 'not entitled'
        else 'not stated'
    end;

-- skip_attention(kind): whether a kind of skip needs attention: 'nobody' (both sides match), 'as intended' (out of
-- scope, and the log names the rule) or 'somebody'.
create or replace macro skip_attention(kind) as
    case
        when kind in ('already equal', 'out of scope or equal') then 'nobody'
        when kind in ('not assigned', 'disabled in the source', 'soft-deleted', 'inactive in the source',
            'scoping filter not met', 'unsupported object', 'not entitled') then 'as intended'
        else 'somebody'
    end;

-- skip_sentence(kind, who, app_name, source_type, attribute, clauses, reason): why an object was skipped, for a person
-- to read.
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
            || coalesce(' for ' || attribute || ', which ', '; the log does not name the attribute, but ') || app_name || ' requires'
            || case when attribute is null then ' it.' else '.' end
        when 'matching attribute missing' then case when lower(source_type) = 'group' then 'The group ' else '' end || who
            || ' has no value for the matching attribute' || coalesce(' ' || attribute, '')
            || '; its scope was not evaluated.'
        when 'reference unresolved' then who || ' refers to a user or group that is not in ' || app_name || '.'
        when 'unsupported object' then who || ' is a kind of object that this job does not provision.'
        when 'not entitled' then who || ' is not entitled to ' || app_name
            || '; the log does not show whether an assignment, a role or an active account is missing.'
        when 'out of scope or equal' then who || ' is out of scope or in sync already; the log does not show which.'
        when 'reason unfamiliar' then who || ' was skipped for the reason ' || coalesce(reason, '?')
            || ', which is not documented.'
        else who || ' was skipped. The log gives no reason.'
    end;

-- skip_remedy(kind, app_name, source_type, attribute): what to do about a skip that is not intended.
create or replace macro skip_remedy(kind, app_name, source_type, attribute) as
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
        when 'reference unresolved' then 'Assign the referenced user or group as well.'
        when 'unsupported object' then 'Nothing; remove it from the assignments to hide it.'
        when 'not entitled' then 'If it should have access, look at its assignment, its role and whether it is enabled.'
        when 'out of scope or equal' then 'Nothing, unless it should be in: on-demand provisioning then shows which.'
        else 'Use on-demand provisioning: its result shows more than the log.'
    end;

-- skip_rows(narrow, wordings): one row per skip among narrow_events, with its kind and what its sentence names, with the
-- columns of the table skips; wordings are their step_facts_of. Many events are skipped in the same words; their kind is
-- found once.
--   skips.*  as in the table
create or replace macro skip_rows(narrow, wordings) as table
with skip_events as (
    select * from query_table(narrow) where status = 'skipped'
), explained as (
    select *, skip_kind(reason, facts, clauses) as kind
    from (
        select
            *,
            list_filter(unmet, lambda c: c not in ('Active in the source system', 'Assigned to the application',
                'Has the required role', 'Scoping filter evaluation passed')) as clauses
        from (
            select
                s.wording,
                s.skip_reason,
                s.error_code,
                f.facts,
                coalesce(s.skip_reason, f.facts.skip_reason, s.error_code) as reason,
                list_transform(list_filter(f.judged, lambda c: not c.met), lambda c: c.clause) as unmet
            from (select distinct wording, skip_reason, error_code from skip_events) s
            join query_table(wordings) f on f.wording = s.wording
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
    t.order_key,
    t.source_id,
    t.source_type,
    coalesce(t."name", t.source_id, 'An object that the log does not name') as "name",
    u.kind,
    u.facts.attribute as attribute,
    u.clauses,
    u.reason,
    u.unmet,
    object_number(t.job_id, t.source_id) as object
from skip_events t
join explained u on u.wording = t.wording
    and u.skip_reason is not distinct from t.skip_reason and u.error_code is not distinct from t.error_code;
