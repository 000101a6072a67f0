-- Who came into scope, and who left it?
--
-- By the first and the last event of the window: left, if something was written or tried first and the last word is a
-- skip for scope; came, the other way round. Whoever moved forth and back is not named.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   turn         left or came
--   name         the person or group
--   app_name     the application
--   sentence     why, for those who left
--   moved_at     the last event
--   source_id    the object's id in Entra
--   job_id       the job
with outside as (
    select job_id, source_id, event_id, kind, "name", app_name, source_type, attribute, clauses, reason
    from skips
    where occurred_at >= $since
        and occurred_at < $until
        and skip_wants(kind) = 'as intended'
        and ($job is null or job_id = $job)
        and ($tenant is null or tenant_id = $tenant)
), ends as (
    select
        e.job_id,
        e.source_id,
        arg_min(e.event_id, order_of(e.occurred_at, e.event_id)) as first_event_id,
        arg_max(e.event_id, order_of(e.occurred_at, e.event_id)) as last_event_id,
        max(e.occurred_at) as moved_at
    from events e
    semi join outside o on o.job_id is not distinct from e.job_id and o.source_id = e.source_id
    where e.occurred_at >= $since
        and e.occurred_at < $until
        and (e.status in ('success', 'warning', 'failure') or e.skip_reason = 'RedundantExport' or e.event_id in (
            select event_id from outside))
    group by e.job_id, e.source_id
)
select
    case when l.event_id is null then 'came' else 'left' end as turn,
    coalesce(l."name", f."name") as "name",
    coalesce(l.app_name, f.app_name) as app_name,
    skip_sentence(l.kind, l."name", coalesce(l.app_name, 'the app'), l.source_type, l.attribute, l.clauses, l.reason)
        as sentence,
    e.moved_at,
    e.source_id,
    e.job_id
from ends e
left join outside f on f.event_id = e.first_event_id and f.job_id is not distinct from e.job_id
left join outside l on l.event_id = e.last_event_id and l.job_id is not distinct from e.job_id
where (f.event_id is null) <> (l.event_id is null)
order by e.moved_at desc, "name", e.job_id, e.source_id
