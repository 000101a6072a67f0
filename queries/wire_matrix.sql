-- Do Entra and the app's log agree?
--
-- Title    Entra vs app log
-- Topic    SCIM traffic
--
-- Each event that went out beside the request that carried it; docs/glossary.md has the cells. An app whose log has no
-- request in the window is left out.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   app_id       the app; null where a log names none and the ids in it show none
--   app_name     its name
--   cell         how the two sides compare
--   events       events and requests in it
--   objects      people and groups in it, as far as events name them
--   first_at     the first of them
--   last_at      the newest
select
    app_id,
    max(app_name) as app_name,
    cell,
    count(*) as events,
    count(distinct "name") as objects,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at
from (
    select * replace (name_of_job(app_name, job_id) as app_name)
    from both_sides($since::timestamp, $until::timestamp)
)
where ($job::varchar is null or app_id in (from apps_of_job($job)))
    and ($tenant::varchar is null
        or app_id in (from apps_of_tenant($tenant, $since::timestamp, $until::timestamp)))
group by app_id, cell
order by app_name nulls last, app_id, cell
