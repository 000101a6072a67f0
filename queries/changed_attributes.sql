-- Which attributes change most?
--
-- Title    Most changed attributes
-- Topic    Users and groups
--
-- Real changes only: of events that succeeded, and to another value than before. `accountDisabled`, which Entra logs
-- along with updates whether it changed or not, is left out.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_name     the application
--   attribute    the attribute in the application
--   changes      how often it was altered
--   objects      of how many objects
--   emptied      how often it lost its value
select
    app_name,
    change.attribute as attribute,
    count(*) as changes,
    count(distinct object) as objects,
    count(*) filter (where change.new_value is null) as emptied
from (
    select name_of_job(app_name, job_id) as app_name, hash(job_id, source_id) as object, unnest(changes) as change
    from events
    where status = 'success'
        and occurred_at >= $since
        and occurred_at < $until
        and ($job is null or job_id = $job)
        and of_tenant($tenant, tenant_id, job_id)
)
where change.old_value is distinct from change.new_value and change.attribute <> 'accountDisabled'
group by app_name, attribute
order by changes desc, app_name, attribute
