-- Which users will fail at their next change?
--
-- Title    Users missing required attributes
-- Topic    Failures and issues
--
-- A user lacks an attribute that the app requires: Entra reported so the last time (it skipped the user), or the newest
-- change of an attribute emptied it, or the newest reading of the source has no value where nearly every user has one.
-- The last two are inferences: these users may be in the app today. An emptied attribute counts where a profile
-- requires it, or where every create of the window (three at least) wrote a value.
--
-- Parameters
--   $until       TIMESTAMP         as of when
--   $since       TIMESTAMP         since when a reading counts
--   $job         VARCHAR = null    one job's id; null asks about all of them
--   $tenant      VARCHAR = null    one tenant's id; null asks about all of them
--   $required    VARCHAR = ''      source attributes that profiles require, as job=attribute, with | between
--
-- Columns
--   source_id    the object's id in Entra
--   name         its UPN, else its display name
--   app_name     the application
--   job_id       the job
--   attribute    what is missing
--   known_by     skip (reported by Entra), change (it was emptied) or reading (the source's newest reading)
--   state        the object's present state
--   since        since when that is known
--   event_id     the event that shows it
with missing_values as (
    select *
    from lacking_values($until)
    where ($job is null or job_id = $job) and of_tenant($tenant, tenant_id, job_id)
), required_attributes as (
    select split_part(word, '=', 1) as job_id, split_part(word, '=', 2) as attribute
    from (select unnest(string_split($required, '|')) as word) where contains(word, '=')
), written as (
    -- The newest event of each that may hold a reading: of these alone the steps are read.
    select arg_max(event_id, order_of(occurred_at, event_id, "action", status)) as event_id
    from events
    where occurred_at >= $since
        and occurred_at < $until
        and of_tenant($tenant, tenant_id, job_id)
        and job_id in (select job_id from required_attributes)
        and ($job is null or job_id = $job)
        and source_type = 'User'
        and "action" in ('create', 'update')
    group by object_number(job_id, source_id)
), readings as (
    select job_id, source_id, app_name, read.details as details, event_id, occurred_at as since
    from (
        select *, list_filter(steps, lambda s: s."type" = 'import' and s."name" like 'EntryImport%')[-1] as read
        from events
        where event_id in (from written)
            and occurred_at >= $since
            and occurred_at < $until
            and job_id in (select job_id from required_attributes)
    )
    where json_exists(read.details, '$.userPrincipalName')
), required_values as materialized (
    select r.*, w.attribute, nullif(trim(r.details ->> ('$."' || w.attribute || '"')), '') is null as lacks
    from readings r
    join required_attributes w using (job_id)
), usual as (
    select job_id, attribute from required_values group by job_id, attribute having avg((not lacks)::integer) >= 0.8
), inferred as (
    select h.* from required_values h join usual u using (job_id, attribute) where h.lacks
), at_risk as materialized (
    select job_id, source_id, app_name, attribute, event_id, since, 'skip' as known_by from missing_values
    union all
    select job_id, source_id, app_name, attribute, event_id, since, 'change'
    from emptied_values($since::timestamp, $until::timestamp)
    where (always_written or (job_id, attribute) in (select (job_id, attribute) from required_attributes))
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
        and (job_id, source_id) not in (select (job_id, source_id) from missing_values)
    union all
    select job_id, source_id, app_name, attribute, event_id, since, 'reading' from inferred
    where (job_id, source_id) not in (select (job_id, source_id) from missing_values)
), object_states as (
    select
        job_id, source_id,
        coalesce(identity_name(upn, source_name, named_key), source_id) as "name",
        identity_state(state, benign, state_key, account, account_key, present_key, removal_key, settled_key,
            failed_key, out_key) as state
    from identity_parts
    where source_id in (select source_id from at_risk)
    group by job_id, source_id
)
select
    f.source_id,
    i."name",
    f.app_name,
    f.job_id,
    string_agg(distinct f.attribute, ', ' order by f.attribute) as attribute,
    f.known_by,
    i.state,
    min(f.since) as since,
    max(f.event_id) as event_id
from (select * replace (name_of_job(app_name, job_id) as app_name) from at_risk) f
join object_states i using (job_id, source_id)
where i.state not in ('deleted', 'disabled')
group by f.source_id, i."name", f.app_name, f.job_id, f.known_by, i.state
order by case f.known_by when 'skip' then 1 when 'change' then 2 else 3 end, since, "name", f.source_id, f.job_id
limit 200
