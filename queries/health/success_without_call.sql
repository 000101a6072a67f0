-- Does Entra report successes of which the app never heard?
--
-- Parameters
--   $at       TIMESTAMP       the instant asked about
--   $hours    BIGINT = 24     how far back
--   $skew     BIGINT = 900    seconds by which clocks may differ
--   $least    BIGINT = 1      such successes, at least
--
-- Severity
--   critical
--
-- Needs
--   events 24 hours
--   exchanges 24 hours
--
-- Fires
--   when an event says that an account was created, updated, disabled or deleted, and the app's log of the same stretch
--   has no request on that account within `skew`.
--
-- Silent
--   where either log is not collected; for apps whose log has gaps around the event; in the last hour.
--
-- Do
--   Compare the two sides on the person's page. Before you blame Entra, see whether the app's log is complete there.
--
-- Columns
--   subject      the job
--   since        the first such success
--   summary      the sentence
--   app_name     the application
--   job_id       the job
--   successes    such successes
--   people       up to ten names
with done as (
    select job_id, app_id, app_name, target_id, occurred_at, coalesce(upn, source_name, source_id) as "name"
    from events
    where status = 'success' and "action" in ('create', 'update', 'disable', 'delete') and target_id is not null
        and last_step like 'EntryExport%'
        and occurred_at > $at - to_hours($hours) and occurred_at <= $at - interval 1 hour
), recent_calls as (
    select app_id, occurred_at, resource_id, "path", response_body
    from app_calls
    where occurred_at > $at - to_hours($hours) - to_seconds($skew) and occurred_at <= $at and app_id is not null
), unconfirmed as (
    select d.*
    from done d
    where exists (
            select 1 from recent_calls h
            where h.app_id = d.app_id and h.occurred_at between d.occurred_at - to_seconds($skew) and d.occurred_at
        )
        and exists (
            select 1 from recent_calls h
            where h.app_id = d.app_id and h.occurred_at between d.occurred_at and d.occurred_at + to_seconds($skew)
        )
        and not exists (
            select 1 from recent_calls h
            where h.app_id = d.app_id
                and h.occurred_at between d.occurred_at - to_seconds($skew) and d.occurred_at + to_seconds($skew)
                and (
                    h.resource_id = d.target_id
                    or contains(h."path", d.target_id)
                    or contains(h.response_body, d.target_id)
                )
        )
)
select
    job_id as subject,
    min(occurred_at) as since,
    coalesce(max(app_name), job_id) || ': Entra reports successes of which the app never heard' as summary,
    max(app_name) as app_name,
    job_id,
    count(*) as successes,
    list_sort(list(distinct "name"))[:10] as people
from unconfirmed
group by job_id
having count(*) >= $least
order by since, subject
