-- How far each object gets on the way into the app, and where it leaves.

-- leak_of(action, status, skip_reason, error_code, steps): where an event left the way seen, in scope, matched,
-- changed, exported; null when it reached the app. A failure left at its first failed step; one without steps at the
-- export, where most do.
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

-- funnel_stages: one row per stage that an object can reach, in order.
--   ordinal  its place, from 1
--   stage    seen, in scope, matched, changed or exported
create or replace view funnel_stages as
from (values (1, 'seen'), (2, 'in scope'), (3, 'matched'), (4, 'changed'), (5, 'exported')) as t(ordinal, stage);

-- stage_of(leak): the place of the stage that an object did not reach, by where it left; 6 where it reached them all.
create or replace macro stage_of(leak) as
    case
        when leak = '' then 6
        when leak in ('out of scope', 'import failed', 'scoping failed') then 2
        when leak = 'matching failed' then 3
        when leak in ('held back', 'unresolved reference', 'export failed') then 5
        else 4
    end;

-- last_events(since, until): one row per object of each job in a stretch of time: its last event, and where it left
-- the funnel. The failed step is taken from problems, so that no steps are read.
--   job_id       the job
--   source_id    the object's id in Entra
--   tenant_id    the tenant
--   occurred_at  when it happened
--   event_id     the event
--   action       what Entra meant to do
--   status       how the event ended
--   skip_reason  why it was skipped, in Entra's word
--   error_code   the error's code
--   app_name     the app's name
--   name         the UPN, else the display name, else the id
--   leak         where it left; '' where it reached the app
create or replace macro last_events(since, until) as table
with lasts as (
    select
        job_id,
        source_id,
        max(tenant_id) as tenant_id,
        max(occurred_at) as occurred_at,
        arg_max({'event_id': event_id, 'action': "action", 'status': status, 'skip_reason': skip_reason,
            'error_code': error_code, 'app_name': app_name, 'name': coalesce(upn, source_name, source_id)},
            order_of(occurred_at, event_id, "action", status)) as newest
    from events
    where occurred_at >= since and occurred_at < until and source_id is not null
    group by job_id, source_id
)
select
    l.job_id,
    l.source_id,
    l.tenant_id,
    l.occurred_at,
    l.newest.event_id as event_id,
    l.newest."action" as "action",
    l.newest.status as status,
    l.newest.skip_reason as skip_reason,
    l.newest.error_code as error_code,
    l.newest.app_name as app_name,
    l.newest."name" as "name",
    coalesce(leak_of(l.newest."action", l.newest.status, l.newest.skip_reason, l.newest.error_code,
        [{'type': p.step_type, 'status': 'failure'}]), '') as leak
from lasts l
left join problems p on p.event_id = l.newest.event_id and p.job_id is not distinct from l.job_id;
