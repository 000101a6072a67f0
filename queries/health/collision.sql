-- Does an account in the app belong to two users, or a user have an account that Entra cannot find?
--
-- Title    Duplicate or conflicting accounts
-- Topic    Users and groups
--
-- Parameters
--   $at       TIMESTAMP[]    the instants asked about
--   $hours    BIGINT = 24    hours looked back
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours where kind is two_sources
--   exchanges 24 hours where kind is found_by_none
--
-- Fires
--   when one account in the app was written for two users or groups, or the app found no match in a search and within
--   a minute rejected the creation of the same name with 409, in the last `hours` hours.
--
-- Silent
--   on the second kind where the app's log is not collected.
--
-- Do
--   One account for two users: decide whose it is and give the other one another matching value. Rejected, but not
--   found: the app's search misses what its uniqueness check finds; fix upper and lower case, blanks or deleted
--   accounts in the app.
--
-- Columns
--   as_of           the instant asked about
--   subject         the account, or the app whose searches find no match
--   since           when it was seen first
--   summary         the sentence
--   app_name        the application
--   job_id          the job
--   kind            two_sources or found_by_none
--   people          who is involved
with lately_written as materialized (
    select account_number(job_id, target_id, source_type) as account, occurred_at
    from events
    where occurred_at <= list_max($at::timestamp[]) and occurred_at > list_min($at::timestamp[]) - to_hours($hours)
        and target_id is not null and status in ('success', 'warning') and source_type is not null
), shared_accounts as materialized (
    -- Only accounts that were written lately; of these, everybody whom they ever were written for.
    select account
    from account_writers
    where first_at <= list_max($at::timestamp[]) and account in (select account from lately_written)
    group by account
    having min(source_id) <> max(source_id)
), written as (
    select i.as_of, i.account
    from (select unnest($at::timestamp[]) as as_of, account from shared_accounts) i
    asof join (from lately_written where account in (select account from shared_accounts)) l
        on l.account = i.account and i.as_of >= l.occurred_at
    where l.occurred_at > i.as_of - to_hours($hours)
), shared as (
    select
        n.as_of,
        w.job_id,
        w.target_id,
        max(w.app_name) as app_name,
        min(w.first_at) as since,
        count(distinct w.source_id) as sources,
        list_sort(list(distinct w."name"))[:10] as people
    from written n
    join account_writers w on w.account = n.account and w.first_at <= n.as_of
    group by n.as_of, w.job_id, w.target_id, w.source_type
), recent_calls as materialized (
    select coalesce(app_id, '') as app_id, occurred_at, "method", http_status,
        regexp_extract(coalesce("filter", ''), '"([^"]+)"', 1) as sought, request_body, response_body
    from app_calls
    where occurred_at <= list_max($at::timestamp[]) and occurred_at > list_min($at::timestamp[]) - to_hours($hours)
        and ("method" = 'GET' and http_status = 200 or "method" = 'POST' and http_status = 409)
), invisible_names as (
    select g.app_id, g.sought, g.occurred_at as sought_at, p.occurred_at as refused_at
    from recent_calls g
    join recent_calls p on p.app_id = g.app_id
        and p.occurred_at between g.occurred_at and g.occurred_at + interval 1 minute
        and contains(lower(p.request_body), lower('"' || g.sought || '"'))
    where g."method" = 'GET' and g.sought <> '' and p."method" = 'POST'
        and regexp_matches(coalesce(g.response_body, ''), '"totalResults"\s*:\s*0')
)
select
    as_of,
    job_id || ' ' || target_id as subject,
    since,
    coalesce(app_name, job_label(job_id)) || ': one account was written for two users or groups' as summary,
    app_name,
    job_id,
    'two_sources' as kind,
    people
from shared
where sources > 1
union all
select
    i.as_of,
    coalesce(any_value(n.job_id), nullif(u.app_id, ''), 'SCIM requests') || ' found by none',
    min(u.refused_at),
    coalesce(any_value(n.app_name), 'The app') || ' rejects new accounts as duplicates that its search does not find',
    any_value(n.app_name),
    any_value(n.job_id),
    'found_by_none',
    list_sort(list(distinct u.sought))[:10]
from (select unnest($at::timestamp[]) as as_of) i
join invisible_names u on u.refused_at <= i.as_of and u.sought_at > i.as_of - to_hours($hours)
left join app_jobs n on n.app_id = u.app_id
group by i.as_of, u.app_id
order by as_of, since, subject
