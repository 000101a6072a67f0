-- Who reached this stage, or left the way before it?
--
-- By the last event of the window, as in the funnel.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $stage     VARCHAR           seen, in scope, matched, changed or exported
--   $leak      VARCHAR = null    why they did not reach it; null asks who did
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $limit     BIGINT = 200      how many at most, the newest first
--
-- Columns
--   occurred_at    the last event
--   name           the person or group
--   app_name       the application
--   action         what was wanted
--   status         how it ended
--   error_code     why it failed
--   skip_reason    why it was skipped
--   source_id      the object's id in Entra
--   event_id       the event
--   job_id         the job
with lasts as (
    select
        job_id,
        source_id,
        max(occurred_at) as occurred_at,
        arg_max({'event_id': event_id, 'action': "action", 'status': status, 'skip_reason': skip_reason,
            'error_code': error_code, 'app_name': app_name, 'name': coalesce(upn, source_name, source_id)},
            order_of(occurred_at, event_id)) as told
    from events
    where occurred_at >= $since
        and occurred_at < $until
        and source_id is not null
        and ($job is null or job_id = $job)
        and ($tenant is null or tenant_id = $tenant)
    group by job_id, source_id
), ends as (
    select l.*, coalesce(leak_of(l.told."action", l.told.status, l.told.skip_reason, l.told.error_code,
        [{'type': p.step_type, 'status': 'failure'}]), '') as leak
    from lasts l
    left join problems p on p.event_id = l.told.event_id and p.job_id is not distinct from l.job_id
), staged as (
    select *, case
        when leak = '' then 6
        when leak in ('out of scope', 'import failed', 'scoping failed') then 2
        when leak = 'matching failed' then 3
        when leak in ('held back', 'unresolved reference', 'export failed') then 5
        else 4
    end as ordinal
    from ends
)
select
    occurred_at,
    told."name" as "name",
    told.app_name as app_name,
    told."action" as "action",
    told.status as status,
    told.error_code as error_code,
    told.skip_reason as skip_reason,
    source_id,
    told.event_id as event_id,
    job_id
from staged
where leak = $leak
    or $leak is null
        and ordinal > list_position(['seen', 'in scope', 'matched', 'changed', 'exported'], $stage)
order by occurred_at desc, "name", job_id, source_id
limit $limit
