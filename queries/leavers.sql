-- Who was to be disabled or deleted, and was it done?
--
-- Title    Removal outcomes
-- Topic    Leavers
--
-- The newest time that it was asked for in the window, for each object in each app; those not done come first. Not done
-- is what the page of leavers and the digest call so: nothing that was logged since shows that the account is gone.
--
-- For analysts
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--   $limit     BIGINT = 500      how many at most
--
-- Columns
--   app_name         the application
--   name             the object's UPN, else its display name
--   source_id        the object's id in Entra
--   action           disable, delete or stagedDelete
--   outcome          done, open, held back or called off
--   first_asked_at   the first request of that time, which may lie before the window
--   last_asked_at    the newest
--   requests         how often it was asked
--   done             whether the account was disabled or deleted
--   done_at          when
--   error_code       the newest error, if it was not
select
    name_of_job(app_name, job_id) as app_name,
    "name",
    source_id,
    kind as "action",
    outcome,
    asked_at as first_asked_at,
    last_asked_at,
    requests,
    outcome = 'done' as done,
    case when outcome = 'done' then ended_at end as done_at,
    case when outcome <> 'done' then error_code end as error_code
from leaver_cases($until)
where last_asked_at >= $since and ($job is null or job_id = $job) and of_tenant($tenant, tenant_id, job_id)
qualify row_number() over (partition by job_id, source_id order by asked_at desc) = 1
order by done, first_asked_at, job_id, source_id
limit $limit
