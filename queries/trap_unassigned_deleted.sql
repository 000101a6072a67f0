-- Which users were unassigned, then deleted in Entra, so that the deletion was never sent to the app?
--
-- Title    Deletions never sent to apps
-- Topic    Leavers
--
-- That a user is gone from the directory shows where another app received the deletion, or where an import no longer
-- finds the user. An unassigned user is no longer managed, so no DELETE follows.
--
-- Parameters
--   $as_of    TIMESTAMP         the present, or the newest instant of old logs
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name    the application
--   name        the person's UPN, else the display name
--   since       since when, as far as the store knows
--   seen        what gives it away
--   cure        how to fix it
--   source_id   the person's id in Entra
--   event_id    the event that gives it away
--   job_id      the job
with departures as (
    select source_id, min(occurred_at) as departed_at, arg_min(event_id, occurred_at) as event_id,
        arg_min(coalesce(app_name, job_label(job_id)), occurred_at) as deleting_app,
        arg_min(coalesce(removal = 'delete', false), occurred_at) as deleted
    from footings
    where occurred_at <= $as_of
        and (removal = 'delete' and status <> 'skipped' or footing = 'out' and left_as = 'no longer found')
    group by source_id
), people_by_job as (
    select
        t.job_id,
        t.source_id,
        max(t.tenant_id) as tenant_id,
        arg_max(t.app_name, t.order_key) as app_name,
        coalesce(arg_max(t."name", t.order_key), t.source_id) as "name",
        max(t.order_key) filter (where t.footing = 'in') as good_key,
        max(t.order_key) filter (where t.skip_reason = 'NotEffectivelyEntitled'
            or t.removal = 'disable' and t.left_as is distinct from 'account disabled') as out_key,
        coalesce(bool_or(t.removal in ('delete', 'stagedDelete')), false) as has_removal
    from footings t
    where t.occurred_at <= $as_of and t.source_id in (select source_id from departures)
        and lower(coalesce(t.source_type, '')) <> 'group'
    group by t.job_id, t.source_id
), disabled_accounts as (
    -- Who was enabled again since is none of them.
    select job_id, source_id
    from identity_parts
    where source_id in (select source_id from people_by_job)
        and make_timestamp((account_key // 2147483648) * 1000000) <= $as_of
    group by job_id, source_id
    having arg_max(account, account_key) = 'disabled'
)
select
    coalesce(l.app_name, job_label(l.job_id)) as app_name,
    l."name",
    g.departed_at as since,
    case when g.deleted then g.deleting_app || ' received the deletion, '
        else 'The import no longer finds the person, and ' end
        || 'this app did not, since the user was no longer assigned to it. The account there is '
        || case when d.source_id is not null then 'disabled.' else 'in use as before.' end as seen,
    'Delete the account in the app by hand, since Entra will not.' as cure,
    l.source_id,
    g.event_id,
    l.job_id
from people_by_job l
join departures g on g.source_id = l.source_id
left join disabled_accounts d on d.job_id is not distinct from l.job_id and d.source_id = l.source_id
where not l.has_removal
    and l.good_key is not null
    and l.out_key > l.good_key
    and ($job is null or l.job_id = $job)
    and of_tenant($tenant, l.tenant_id, l.job_id)
order by since, l.job_id, l.source_id
