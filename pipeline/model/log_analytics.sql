-- Events under the names of Microsoft's Log Analytics table.

-- AADProvisioningLogs: one row per event under Microsoft's Log Analytics names, nested objects as JSON text in the
-- spelling of diagnostic settings.
--   TenantId                events.tenant_id
--   AADTenantId             events.tenant_id
--   TimeGenerated           events.occurred_at
--   OperationName           always the same
--   OperationVersion        always the same
--   Category                always the same
--   ResultType              events.status with a capital
--   ResultSignature         events.error_code
--   ResultDescription       events.reason
--   DurationMs              events.duration_ms
--   CorrelationId           events.change_id
--   Action                  events.action with a capital
--   ChangeId                events.change_id
--   CycleId                 events.cycle_id
--   Id                      events.event_id
--   InitiatedBy             the provisioning service, as JSON
--   JobId                   events.job_id
--   ModifiedProperties      events.changes, as JSON
--   ProvisioningSteps       events.steps, as JSON
--   ServicePrincipal        the app, as JSON
--   SourceIdentity          the object in Entra, as JSON
--   SourceSystem            the source, as JSON
--   StatusInfo              the status, as JSON
--   TargetIdentity          the object in the app, as JSON
--   TargetSystem            the target, as JSON
--   ProvisioningAction      events.action
--   ProvisioningStatusInfo  status and error, as JSON
--   Type                    always the same
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
