-- How many people and groups are in each state?
--
-- Title    Users and groups by state
-- Topic    Users and groups
--
-- Parameters
--   $job       VARCHAR = null      one job's id; null asks about all of them
--   $tenant    VARCHAR = null      one tenant's id; null asks about all of them
--   $search    VARCHAR = null      part of a UPN, a name, a source id or a target id; case and accents do not matter
--
-- Columns
--   state       failing, rejected, skipped, in_sync, disabled, deleted or unknown
--   objects     objects in that state; one that is in two apps counts twice
select state, count(*) as objects
from identities
where ($job is null or job_id = $job)
    and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
    and ($search is null or (job_id, source_id) in (
        select (job_id, source_id)
        from identity_parts
        where contains(
            strip_accents(lower(concat_ws(' ', upn, source_name, source_id, target_id))), strip_accents(lower($search))
        )
    ))
group by state
order by objects desc, state
