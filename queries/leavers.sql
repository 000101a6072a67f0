-- Who was to be disabled or deleted, and was it done?
--
-- The last such request for each object in each app; those not done come first.
--
-- For analysts
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $limit     BIGINT = 500      how many at most
--
-- Columns
--   app_name         the application
--   name             the object's UPN, else its display name
--   source_id        the object's id in Entra
--   action           disable, delete or stagedDelete
--   first_asked_at   the first such request in the window
--   last_asked_at    the last
--   requests         how often it was asked
--   done             whether one of them succeeded
--   done_at          when the first of them did
--   error_code       the last error, if none did
select
    arg_max(app_name, occurred_at) as app_name,
    coalesce(arg_max(upn, occurred_at), arg_max(source_name, occurred_at), source_id) as name,
    source_id,
    arg_max("action", (occurred_at, event_id)) as "action",
    min(occurred_at) as first_asked_at,
    max(occurred_at) as last_asked_at,
    count(*) as requests,
    bool_or(status = 'success' and "action" <> 'stagedDelete') as done,
    min(occurred_at) filter (where status = 'success' and "action" <> 'stagedDelete') as done_at,
    case when not bool_or(status = 'success' and "action" <> 'stagedDelete') then
        arg_max(error_code, (occurred_at, event_id))
    end as error_code
from events
where "action" in ('disable', 'delete', 'stagedDelete')
    and occurred_at >= $since
    and occurred_at < $until
    and ($job is null or job_id = $job)
group by job_id, source_id
order by done, first_asked_at, job_id, source_id
limit $limit
