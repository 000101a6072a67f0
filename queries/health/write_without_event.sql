-- Did another client write to the app?
--
-- Title    Writes without an Entra event
-- Topic    SCIM traffic
--
-- Parameters
--   $at       TIMESTAMP[]     the instants asked about
--   $hours    BIGINT = 24     hours looked back
--   $skew     BIGINT = 900    seconds by which clocks may differ
--   $least    BIGINT = 1      writes without an event, at least
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--   exchanges 24 hours
--
-- Fires
--   when POST, PATCH, PUT or DELETE requests succeeded in the app, and Entra has no event for their objects within
--   `skew` seconds: at least `least` in the last `hours` hours.
--
-- Silent
--   where either log is not collected, and where provisioning logs of the app are missing at the moment of the write;
--   on writes in the last hour, whose events may still arrive.
--
-- Do
--   Find out which client it is: another identity provider, a script, or an attacker with the token.
--
-- Columns
--   as_of          the instant asked about
--   subject        the app whose log it is
--   since          the first such write
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   writes         such writes
--   clients        the clients, as the app logged them
--   paths          up to five paths
with writes as materialized (
    select
        coalesce(app_id, '') as app_id,
        tenant_id,
        occurred_at,
        "path",
        client,
        coalesce(resource_id, json_extract_string(try_cast(response_body as json), '$.id')) as target_id
    from app_calls
    where "method" in ('POST', 'PATCH', 'PUT', 'DELETE') and http_status between 200 and 299
        and occurred_at > list_min($at::timestamp[]) - to_hours($hours)
        and occurred_at <= list_max($at::timestamp[]) - interval 1 hour
        -- An event that reports a failure may be of a write that succeeded: a create that timed out names no account.
        and exchange_id not in (select exchange_id from request_matches)
), nearby_events as (
    select target_id, app_id, occurred_at from events
    where occurred_at >= list_min($at::timestamp[]) - to_hours($hours) - to_seconds($skew)
        and occurred_at <= list_max($at::timestamp[]) - interval 1 hour + to_seconds($skew)
        and target_id in (select target_id from writes)
), alone as (
    select w.* from writes w
    where w.target_id is not null
        and not exists (
            select 1 from nearby_events e
            where e.target_id = w.target_id and (e.app_id = w.app_id or e.app_id is null or w.app_id = '')
                and e.occurred_at between w.occurred_at - to_seconds($skew) and w.occurred_at + to_seconds($skew)
        )
), reported as materialized (
    select distinct app_id, job_id, occurred_at from events
    where occurred_at >= list_min($at::timestamp[]) - to_hours($hours * 2) and occurred_at <= list_max($at::timestamp[])
        and (app_id in (select app_id from alone) or exists (from alone where app_id = ''))
), newest_jobs as materialized (
    from app_jobs
), app_job_ids as (
    select app_id, job_id from newest_jobs where app_id in (select app_id from alone)
    union
    select distinct app_id, job_id from reported
), judged_writes as (
    -- Where a reading covers the moment, or events of the app come before and after it: else the event may be missing.
    select
        a.*,
        exists (
            from stretches s
            where s.source = 'events' and a.occurred_at >= s.since and a.occurred_at < s.until
                and (s.job_id in (select job_id from app_job_ids j where j.app_id = a.app_id)
                    or s.job_id is null and coalesce(lower(s.tenant_id) = lower(a.tenant_id), true))
        ) as is_covered,
        exists (
            from reported e
            where (e.app_id = a.app_id or a.app_id = '') and e.occurred_at <= a.occurred_at
                and e.occurred_at > a.occurred_at - to_hours($hours)
        ) as is_after_event,
        (
            select min(e.occurred_at) from reported e
            where (e.app_id = a.app_id or a.app_id = '') and e.occurred_at >= a.occurred_at
                and e.occurred_at < a.occurred_at + to_hours($hours)
        ) as next_event_at
    from alone a
)
select
    i.as_of,
    coalesce(any_value(n.job_id), nullif(a.app_id, ''), 'SCIM requests') as subject,
    min(a.occurred_at) as since,
    coalesce(any_value(n.app_name), nullif(a.app_id, ''), 'The app') || ' received writes that Entra has no event for'
        as summary,
    coalesce(any_value(n.app_name), nullif(a.app_id, '')) as app_name,
    any_value(n.job_id) as job_id,
    count(*) as writes,
    list_sort(list(distinct a.client))[:5] as clients,
    list_sort(list(distinct a."path"))[:5] as paths
from (select unnest($at::timestamp[]) as as_of) i
join judged_writes a on a.occurred_at > i.as_of - to_hours($hours) and a.occurred_at <= i.as_of - interval 1 hour
    and (a.is_covered or a.is_after_event and a.next_event_at <= i.as_of)
left join newest_jobs n on n.app_id = a.app_id
group by i.as_of, a.app_id having count(*) >= $least
order by i.as_of, since, subject
