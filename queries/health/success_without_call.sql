-- Does Entra report successes that the app's log does not have?
--
-- Title    Unconfirmed successes
-- Topic    SCIM traffic
--
-- Parameters
--   $at       TIMESTAMP[]     the instants asked about
--   $hours    BIGINT = 24     hours looked back
--   $skew     BIGINT = 900    seconds by which clocks may differ
--   $least    BIGINT = 1      successes without a request, at least
--
-- Severity
--   critical
--
-- Needs
--   events 24 hours
--   exchanges 24 hours
--
-- Fires
--   when Entra reports accounts as created, updated, disabled or deleted, and the app's log of the same period has no
--   request for them within `skew` seconds: at least `least` in the last `hours` hours.
--
-- Silent
--   where either log is not collected; for apps whose log has gaps around the event; in the last hour.
--
-- Do
--   Compare the two sides on the user's page. First check that the app's log is complete there.
--
-- Columns
--   as_of        the instant asked about
--   subject      the job
--   since        the first such success
--   summary      the sentence
--   app_name     the application
--   job_id       the job
--   app_id       the app whose log it is
--   successes    such successes
--   people       up to ten names
with done as materialized (
    select rowid as number, event_id, job_id, app_id, app_name, target_id, occurred_at,
        coalesce(upn, source_name, source_id) as "name"
    from events
    where status = 'success' and "action" in ('create', 'update', 'disable', 'delete') and target_id is not null
        and last_step like 'EntryExport%' and app_id is not null
        and occurred_at > list_min($at::timestamp[]) - to_hours($hours)
        and occurred_at <= list_max($at::timestamp[]) - interval 1 hour
), calls as materialized (
    select app_id, occurred_at, resource_id, "path", response_body, epoch(occurred_at)::bigint // ($skew + 1) as stretch
    from app_calls
    where occurred_at > list_min($at::timestamp[]) - to_hours($hours) - to_seconds($skew)
        and occurred_at <= list_max($at::timestamp[]) and app_id is not null
), calls_by_id as (
    select d.number, min(h.occurred_at) as heard_at
    from done d
    join calls h on h.app_id = d.app_id and h.resource_id = d.target_id
        and h.occurred_at between d.occurred_at - to_seconds($skew) and d.occurred_at + to_seconds($skew)
    group by d.number
), unconfirmed as materialized (
    -- Where the app's log has calls before and after; few are left of whose id no call was.
    select d.*, a.occurred_at as next_call_at,
        unnest([-1, 0, 1]) + epoch(d.occurred_at)::bigint // ($skew + 1) as stretch
    from done d
    asof join (select distinct app_id, occurred_at from calls) b
        on b.app_id = d.app_id and d.occurred_at >= b.occurred_at
    asof join (select distinct app_id, occurred_at from calls) a
        on a.app_id = d.app_id and d.occurred_at <= a.occurred_at
    left join calls_by_id k on k.number = d.number
    where b.occurred_at >= d.occurred_at - to_seconds($skew) and a.occurred_at <= d.occurred_at + to_seconds($skew)
        and coalesce(k.heard_at > d.occurred_at + interval 1 hour, true)
        -- A create that the app rejected has no id there; its request is matched by other names.
        and (d.event_id, d.job_id) not in (
            select (event_id, job_id) from request_matches
            where occurred_at > list_min($at::timestamp[]) - to_hours($hours))
), first_calls as (
    select u.number, min(h.occurred_at) as heard_at
    from unconfirmed u
    join calls h on h.app_id = u.app_id and h.stretch = u.stretch
        and h.occurred_at between u.occurred_at - to_seconds($skew) and u.occurred_at + to_seconds($skew)
        and (h.resource_id = u.target_id or contains(h."path", u.target_id) or contains(h.response_body, u.target_id))
    group by u.number
)
select
    i.as_of,
    u.job_id as subject,
    min(u.occurred_at) as since,
    coalesce(max(u.app_name), job_label(u.job_id)) || ': Entra reports successes that the app''s log does not have'
        as summary,
    max(u.app_name) as app_name,
    u.job_id,
    max(u.app_id) as app_id,
    count(*) as successes,
    list_sort(list(distinct u."name"))[:10] as people
from (select unnest($at::timestamp[]) as as_of) i
join (select distinct on (number) * exclude (stretch) from unconfirmed) u
    on u.occurred_at > i.as_of - to_hours($hours) and u.occurred_at <= i.as_of - interval 1 hour
        and u.next_call_at <= i.as_of
left join first_calls h on h.number = u.number
where coalesce(h.heard_at > i.as_of, true)
group by i.as_of, u.job_id
having count(*) >= $least
order by i.as_of, since, subject
