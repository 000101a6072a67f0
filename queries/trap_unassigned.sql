-- Which users left the scope and were never disabled?
--
-- Title    Unassigned users not disabled
-- Topic    Leavers
--
-- A user who was in the app is skipped as not entitled or out of scope, and no disable was ever requested. Entra does
-- not try again: it no longer manages the user. Who is in scope again since is not among them, nor whose account Entra
-- has since written for another object, such as the same person hired again under another id. Whose create the app did
-- not answer may have an account as well.
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
with people_footings as (
    select * from footings where occurred_at <= $as_of and lower(coalesce(source_type, '')) <> 'group'
), kept as (
    select
        job_id,
        source_id,
        max(order_key) filter (where footing = 'in') as good_key,
        max(order_key) filter (where "scope" = 'in') as scope_key,
        max(order_key) filter (where removal is not null) as removal_key
    from people_footings
    where (job_id, source_id) in (
        select (job_id, source_id) from people_footings where skip_reason in ('NotEffectivelyEntitled', 'out of scope'))
    group by job_id, source_id
), unanswered as (
    select object
    from identity_parts
    where (job_id, source_id) in (select (job_id, source_id) from kept where good_key is null)
    group by object
    having arg_max(account, account_key) = 'unknown'
), skipped as (
    select
        any_value(t.object) as object,
        any_value(u.object) is not null as is_unanswered,
        t.job_id,
        t.source_id,
        max(t.tenant_id) as tenant_id,
        arg_max(t.app_name, t.order_key) as app_name,
        coalesce(arg_max(t."name", t.order_key), t.source_id) as "name",
        min(t.occurred_at) as since,
        arg_min(t.event_id, t.order_key) as event_id,
        bool_or(t.skip_reason = 'NotEffectivelyEntitled') as is_entitlement
    from people_footings t
    join kept k on k.job_id = t.job_id and k.source_id = t.source_id
    left join unanswered u on u.object = t.object
    where t.skip_reason in ('NotEffectivelyEntitled', 'out of scope')
        and t.order_key > coalesce(k.good_key, if(u.object is null, null, 0))
        and coalesce(t.order_key > k.scope_key, true)
        and coalesce(k.removal_key < coalesce(k.good_key, 0), true)
    group by t.job_id, t.source_id
), disabled_accounts as (
    -- An update may have disabled the account as well, of which no removal tells.
    select object
    from identity_parts
    where object in (select object from skipped) and make_timestamp((account_key // 2147483648) * 1000000) <= $as_of
    group by object
    having arg_max(account, account_key) in ('disabled', 'deleted')
), configured as (
    select job_id, arg_max(skip_deletions, observed_at) as skip_deletions from configurations group by job_id
)
select
    coalesce(s.app_name, job_label(s.job_id)) as app_name,
    s."name",
    s.since,
    'Skipped as ' || case when s.is_entitlement then 'not entitled' else 'out of scope' end
        || ', and no disable was ever requested.'
        || if(s.is_unanswered, ' The app did not answer the create: whether there is an account is unknown.', '')
        || case when t.skip_deletions then ' The job is set to skip out-of-scope deletions.' else '' end as seen,
    case when s.is_unanswered then 'Look for the account in the app, and disable it by hand if it is there.'
        when t.skip_deletions then 'Set SkipOutOfScopeDeletions to false, or disable the account in the app by hand.'
        else 'Disable the account in the app by hand. Or assign the person again, wait a cycle, and unassign.'
    end as cure,
    s.source_id,
    s.event_id,
    s.job_id
from skipped s
left join configured t on t.job_id = s.job_id
where s.object not in (from disabled_accounts union all from accounts_passed_on('skipped', $as_of))
    and ($job is null or s.job_id = $job) and of_tenant($tenant, s.tenant_id, s.job_id)
order by s.since, s.job_id, s.source_id
