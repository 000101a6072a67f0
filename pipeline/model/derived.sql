-- What follows from what is written: each term of the field, defined once. Order matters: a view uses those above it.

-- is_benign: a skip that is good news: the two sides match already, or the object is out of scope.
create or replace macro is_benign(status, skip_reason, error_code) as
    status = 'skipped' and coalesce(
        skip_reason in ('RedundantExport', 'NotEffectivelyEntitled', 'out of scope')
        or (skip_reason is null and error_code like '%EntrySynchronizationSkipped'), false);

-- state_of: what an event leaves its object in; null where it decides nothing (a staged delete, an unfamiliar status).
create or replace macro state_of("action", status, skip_reason) as
    case
        when "action" = 'stagedDelete' then null
        when status = 'failure' then 'failing'
        when status = 'skipped' and skip_reason = 'RedundantExport' then 'in_sync'
        when status = 'skipped' then 'skipped'
        when status = 'success' and "action" = 'disable' then 'disabled'
        when status = 'success' and "action" = 'delete' then 'deleted'
        when status in ('success', 'warning') then 'in_sync'
    end;

-- leak_of: where an event left the way seen, in scope, matched, changed, exported; null when it reached the app.
-- A failure left at its first failed step; one without steps at the export, where most do.
create or replace macro leak_of("action", status, skip_reason, error_code, steps) as
    case
        when status in ('success', 'warning') then case when "action" = 'stagedDelete' then 'held back' end
        when status = 'skipped' and skip_reason in ('NotEffectivelyEntitled', 'out of scope') then 'out of scope'
        when is_benign(status, skip_reason, error_code) then 'nothing to change'
        when status = 'skipped' and skip_reason = 'AttributeValidationFailed' then 'validation'
        when status = 'skipped' then 'other skip'
        when coalesce(status, '') <> 'failure' then 'unfamiliar status'
        when error_code like '%UnableToResolveReferenceAttributeValue' then 'unresolved reference'
        else case list_filter(steps, lambda s: s.status = 'failure')[1]."type"
            when 'import' then 'import failed'
            when 'scoping' then 'scoping failed'
            when 'matching' then 'matching failed'
            when 'processing' then 'processing failed'
            when 'referenceResolution' then 'unresolved reference'
            else 'export failed'
        end
    end;

-- funnel_stages: how far an object can get, in order.
create or replace view funnel_stages as
from (values (1, 'seen'), (2, 'in scope'), (3, 'matched'), (4, 'changed'), (5, 'exported')) as t(ordinal, stage);

-- stage_of: the place of the stage that an object did not reach, by where it left; 6 where it reached them all.
create or replace macro stage_of(leak) as
    case
        when leak = '' then 6
        when leak in ('out of scope', 'import failed', 'scoping failed') then 2
        when leak = 'matching failed' then 3
        when leak in ('held back', 'unresolved reference', 'export failed') then 5
        else 4
    end;

-- order_of: a total order of events. Instants are whole seconds, so ties happen; the id's hash breaks them, always alike.
-- 31 bits each: enough for a BIGINT, which Parquet keeps exactly (it has no HUGEINT), until the year 2106.
create or replace macro order_of(occurred_at, event_id) as
    epoch(occurred_at)::bigint * 2147483648 + (hash(event_id) & 2147483647)::bigint;

-- named_of: the same order, with every event that names its object after all that do not.
create or replace macro named_of(occurred_at, event_id, upn, source_name) as
    order_of(occurred_at, event_id) - case when coalesce(upn, source_name) is null then 4611686018427387904 else 0 end;

-- object_number: one object in one app as a number, which is sorted and looked up in a third of the time that ids take.
create or replace macro object_number(job_id, source_id) as hash(job_id, source_id);

-- outcomes: events with what they say about their object.
create or replace view outcomes as
select
    *,
    is_benign(status, skip_reason, error_code) as benign,
    state_of("action", status, skip_reason) as state,
    order_of(occurred_at, event_id) as order_key
from events;

create or replace view steps as
select
    event_id,
    job_id,
    ordinal,
    step."name" as "name",
    step."type" as "type",
    step.status as status,
    step.description as description,
    step.details as details
from (
    select event_id, job_id, generate_subscripts(steps, 1) as ordinal, unnest(steps) as step
    from events
);

create or replace view changes as
select
    event_id,
    job_id,
    change.attribute as attribute,
    change.old_value as old_value,
    change.new_value as new_value
from (
    select event_id, job_id, unnest(changes) as change
    from events
);

-- folded_name, folded_state: what an object is called and how it stands, from the parts that each transaction left of it.
create or replace macro folded_name(upn, source_name, named_key) as
    coalesce(arg_max_null(upn, named_key), arg_max_null(source_name, named_key));
create or replace macro folded_state(state, state_key) as coalesce(arg_max(state, state_key), 'skipped');

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
    folded_state(state, state_key) as state,
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

create or replace view hourly as
select
    "hour",
    tenant_id,
    job_id,
    max(app_name) as app_name,
    "action",
    status,
    benign,
    error_code,
    last_step,
    sum(events)::bigint as events,
    sum(duration_ms)::bigint as duration_ms
from hourly_parts
group by "hour", tenant_id, job_id, "action", status, benign, error_code, last_step;

-- quarantines: an unbroken run of a job's snapshots in quarantine; since is Graph's own date where it gave one.
create or replace view quarantines as
select
    job_id,
    arg_max(app_name, observed_at) as app_name,
    coalesce(min(quarantine_since), min(observed_at)) as opened_at,
    any_value(left_at) as closed_at,
    arg_max(quarantine_reason, observed_at) as reason,
    max(quarantine_count) as series_count,
    arg_max(next_attempt_at, observed_at) as next_attempt_at,
    arg_max(error_code, observed_at) as error_code,
    arg_max(error_message, observed_at) as error_message
from (
    select
        *,
        min(case when not quarantined then observed_at end)
            over (partition by job_id order by observed_at rows between current row and unbounded following) as left_at
    from (select *, state = 'Quarantine' or quarantine_since is not null as quarantined from job_snapshots)
)
where quarantined
group by job_id, coalesce(left_at, timestamp 'infinity');

-- app_jobs: the job and the name of an app, for what names only the app, such as its own log.
create or replace view app_jobs as
select app_id, arg_max(app_name, observed_at) as app_name, arg_max(job_id, observed_at) as job_id
from job_snapshots
where app_id is not null
group by app_id;

-- app_calls: SCIM requests with their app. A log that names none is the only app's, where no other has a log at all.
create or replace view app_calls as
select * replace (coalesce(nullif(app_id, ''), (
    select case when count(distinct app_id) = 1 then any_value(app_id) end from exchanges where app_id <> ''
)) as app_id)
from exchanges;

-- escrows: an object whose attempt failed and awaits retry. Opened by the first failure since it was last fine; closed by
-- a success, a warning, a redundant export (both sides match) or leaving scope. Entra drops it 28 days after it opened.
create or replace view escrows as
select
    any_value(job_id) as job_id,
    any_value(source_id) as source_id,
    min(occurred_at) filter (where not closes) as opened_at,
    min(occurred_at) filter (where closes) as closed_at,
    count(*) filter (where not closes) as attempts,
    arg_max(retry_at, order_key) filter (where not closes) as retry_at,
    case
        when count(*) filter (where closes) = 0
            then min(occurred_at) filter (where not closes) + interval 28 day
    end as dropped_at,
    arg_max(code, order_key) filter (where not closes) as error_code,
    coalesce(bool_or(is_reference) filter (where not closes), false) as is_reference
from (
    select
        *,
        count(*) filter (where closes)
            over (partition by object order by order_key rows between unbounded preceding and 1 preceding)
            as run
    from (
        -- What closes one comes after a problem, so that the object's footing changes there.
        select job_id, source_id, object_number(job_id, source_id) as object, occurred_at, order_key, code, retry_at, is_reference,
            false as closes
        from problems
        where status = 'failure' and source_id is not null
        union all
        select job_id, source_id, object, occurred_at, order_key, null::varchar, null::timestamp, null::boolean, true
        from (select *, object_number(job_id, source_id) as object from footings where footing <> 'problem')
        where object in (select object_number(job_id, source_id) from problems where status = 'failure')
    )
)
group by object, run
having count(*) filter (where not closes) > 0;

-- waiting_escrows: those that are open, without looking into the past of the others: failures after whatever settled the
-- object last.
create or replace view waiting_escrows as
with settled as (
    select object, max(order_key) as order_key
    from (select object_number(job_id, source_id) as object, order_key from footings where footing <> 'problem')
    group by object
)
select
    any_value(p.job_id) as job_id,
    any_value(p.source_id) as source_id,
    min(p.occurred_at) as opened_at,
    count(*) as attempts,
    arg_max(p.retry_at, p.order_key) as retry_at,
    min(p.occurred_at) + interval 28 day as dropped_at,
    arg_max(p.code, p.order_key) as error_code,
    coalesce(bool_or(p.is_reference), false) as is_reference
from (select *, object_number(job_id, source_id) as object from problems where status = 'failure') p
left join settled s on s.object = p.object
where p.source_id is not null and coalesce(p.order_key > s.order_key, true)
group by p.object;

-- AADProvisioningLogs: events under Microsoft's Log Analytics names, nested objects as JSON text in diagnostic spelling.
create or replace view "AADProvisioningLogs" as
select
    tenant_id as "TenantId",
    tenant_id as "AADTenantId",
    occurred_at as "TimeGenerated",
    'Provisioning activity' as "OperationName",
    '1.0' as "OperationVersion",
    'ProvisioningLogs' as "Category",
    upper(status[1]) || status[2:] as "ResultType",
    error_code as "ResultSignature",
    reason as "ResultDescription",
    duration_ms as "DurationMs",
    change_id as "CorrelationId",
    upper(action[1]) || action[2:] as "Action",
    change_id as "ChangeId",
    cycle_id as "CycleId",
    event_id as "Id",
    to_json({'Type': 'system', 'Id': '', 'Name': 'Azure AD Provisioning Service'})::varchar as "InitiatedBy",
    job_id as "JobId",
    to_json([{'displayName': c.attribute, 'oldValue': c.old_value, 'newValue': c.new_value}
        for c in changes])::varchar as "ModifiedProperties",
    to_json([{'name': s."name", 'provisioningStepType': s."type", 'status': s.status, 'description': s.description,
        'details': s.details} for s in steps])::varchar as "ProvisioningSteps",
    to_json({'Id': app_id, 'Name': app_name})::varchar as "ServicePrincipal",
    to_json({'Id': source_id, 'Name': source_name, 'identityType': source_type,
        'details': {'id': source_id, 'odatatype': source_type, 'DisplayName': source_name,
            'UserPrincipalName': upn}})::varchar as "SourceIdentity",
    to_json({'Name': source_system})::varchar as "SourceSystem",
    to_json({'Status': status})::varchar as "StatusInfo",
    to_json({'Id': target_id, 'identityType': target_type})::varchar as "TargetIdentity",
    to_json({'Name': target_system, 'details': {'ServicePrincipalId': app_id,
        'ServicePrincipalDisplayName': app_name}})::varchar as "TargetSystem",
    action as "ProvisioningAction",
    to_json({'Status': status, 'errorInformation': case when error_code is not null then
        {'errorCode': error_code, 'reason': reason, 'errorCategory': error_category,
            'recommendedAction': recommended_action} end})::varchar as "ProvisioningStatusInfo",
    'AADProvisioningLogs' as "Type"
from events;
