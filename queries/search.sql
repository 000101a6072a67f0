-- Which users, groups and error codes match some words?
--
-- Title    Search
-- Topic    Users and groups
--
-- Case and accents do not matter. The names of an object count, also those of before, and its ids.
--
-- Parameters
--   $search    VARCHAR          part of a UPN, a name, a source id, a target id or an error code
--   $limit     BIGINT = 8       how many users and groups, and how many error codes
--
-- Columns
--   kind       object or error
--   id         the object's id in Entra, or the error code
--   name       the object's UPN, else its display name; the error code
--   source_type  User, Group, …; null for an error code
--   apps       the apps in which the object was seen, or the error occurred
--   states     what it is in each of them; null for an error code
--   jobs       the job of each of the apps; null for an error code
--   amount     apps of an object, or failures of an error code
with words as (
    select strip_accents(lower($search)) as folded
), hits as (
    select distinct source_id
    from identity_parts
    where contains(
        strip_accents(lower(concat_ws(' ', upn, source_name, source_id, target_id))), (select folded from words)
    )
    order by source_id
    limit $limit
), objects as (
    select
        'object' as kind,
        source_id as id,
        coalesce(max(upn), max(source_name), source_id) as name,
        max(source_type) as source_type,
        list(app_name order by app_name, job_id) as apps,
        list(state order by app_name, job_id) as states,
        list(job_id order by app_name, job_id) as jobs,
        count(*) as amount
    from (
        select * replace (name_of_job(app_name, job_id) as app_name) from identities where source_id in (from hits)
    )
    group by source_id
), errors as (
    select
        'error' as kind,
        error_code as id,
        error_code as name,
        null::varchar as source_type,
        list(distinct app_name order by app_name) as apps,
        null::varchar[] as states,
        null::varchar[] as jobs,
        count(*) as amount
    from (select error_code, status, name_of_job(app_name, job_id) as app_name from events)
    where status = 'failure' and contains(lower(error_code), (select folded from words))
    group by error_code
    order by amount desc, error_code
    limit $limit
)
from objects
union all by name
from errors
order by kind desc, amount desc, name, id
