-- Which groups lack members in the app, and which lost them?
--
-- Title    Groups with missing members
-- Topic    Users and groups
--
-- As of the end of the window, by every record before it: what Entra's events and the requests show of members.
--
-- Parameters
--   $until     TIMESTAMP         as of this instant
--   $since     TIMESTAMP         flags are counted from here on
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $group     VARCHAR = ''      one group's id; '' asks about all of them
--   $limit     BIGINT = 100      how many groups at most, those with most trouble first
--
-- Columns
--   group_name          the group
--   app_name            the application
--   attempted           members with an attempt to add them and none to remove them since
--   confirmed           of those, the ones that an answer or an event confirms
--   not_refused         of those, in an event that failed and names others
--   unresolved          members that Entra did not find in the app
--   failed              whose request was refused or failed
--   lost                members lost when it was emptied or halved in the window
--   flags               how often that was
--   missing             members that the app's last list lacks
--   unexplained         members in the app's last list that no record brought
--   unresolved_names    who is unresolved
--   last_at             the newest record
--   state               how the group's own last event left it
--   group_id            its id in Entra, or in the app where no event names it
--   job_id              the job
--   of_groups           how many groups there are
with records as (
    select
        *,
        list_filter(units, lambda u: u.flag in ('emptied', 'halved') and u.occurred_at >= $since) as flagged,
        list_transform(list_filter(members, lambda m: m.state = 'unresolved'), lambda m: m."name") as lacking
    from group_records($until, only_group := $group, only_job := coalesce($job, ''),
        only_tenant := coalesce($tenant, ''), most := $limit)
), group_states as (
    -- What the view identities says of groups; it would fold all people too.
    select
        job_id,
        source_id as group_id,
        arg_max_null(source_name, named_key) as source_name,
        arg_max_null(app_name, named_key) as app_name,
        identity_state(state, benign, state_key, account, account_key, present_key, removal_key, settled_key,
            failed_key, out_key) as state,
        max(last_event_at) as last_event_at
    from identity_parts
    where ($group = '' or source_id = $group)
        and source_id in (select source_id from identity_parts where lower(source_type) = 'group')
    group by job_id, source_id
    having lower(arg_max_null(source_type, named_key)) = 'group'
)
select
    coalesce(k.source_name, r.group_id, k.group_id) as group_name,
    name_of_job(k.app_name, coalesce(r.job_id, k.job_id)) as app_name,
    coalesce(len(list_filter(r.members, lambda m: m.state <> 'removed')), 0) as attempted,
    coalesce(len(list_filter(r.members, lambda m: m.state = 'in place')), 0) as confirmed,
    coalesce(len(list_filter(r.members, lambda m: m.state = 'not refused')), 0) as not_refused,
    coalesce(len(r.lacking), 0) as unresolved,
    coalesce(len(list_filter(r.members, lambda m: m.state in ('failed', 'unknown'))), 0) as failed,
    coalesce(list_sum(list_transform(r.flagged, lambda u: len(u.lost))), 0)::bigint as lost,
    coalesce(len(r.flagged), 0) as flags,
    len(r.seen.missing) as missing,
    len(r.seen.unexplained) as unexplained,
    nullif(array_to_string(r.lacking, ', '), '') as unresolved_names,
    greatest(r.last_at, k.last_event_at) as last_at,
    k.state,
    coalesce(r.group_id, k.group_id) as group_id,
    coalesce(r.job_id, k.job_id) as job_id,
    count(*) over () as of_groups
from records r
full join group_states k on k.job_id = r.job_id and k.group_id = r.group_id
where ($job is null or coalesce(r.job_id, k.job_id) = $job)
    and ($tenant is null or coalesce(r.job_id, k.job_id) in (from jobs_of_tenant($tenant)))
order by r.group_id is null, unresolved desc, lost desc, failed desc, group_name, job_id, group_id
limit $limit
