-- How many of those that Entra exported did the app's own log confirm?
--
-- Title    Exports confirmed by the app
-- Topic    Scope and skips
--
-- An object counts once in each job, by its last event of the window, as in the funnel. Where the app has no log,
-- nothing is known.
--
-- Parameters
--   $since     TIMESTAMP         start of the window, inclusive
--   $until     TIMESTAMP         end of the window, exclusive
--   $job       VARCHAR = null    one job's id; null asks about all of them
--   $tenant    VARCHAR = null    one tenant's id; null asks about all of them
--
-- Columns
--   exported      objects whose last event is a successful write
--   confirmed     of those, whose request the app's log has, answered well
--   never_seen    of those, whose request it should have and has not
--   unknown       the rest: no log, or none for that moment
with written as (
    select job_id, event_id
    from last_events($since, $until)
    where ($job is null or job_id = $job) and of_tenant($tenant, tenant_id, job_id)
        and status in ('success', 'warning')
        and "action" is distinct from 'stagedDelete'
), confirmations as (
    select event_id, job_id, any_value(cell) as cell
    from both_sides($since, $until)
    where event_id is not null and cell in ('both well', 'never seen')
    group by event_id, job_id
)
select
    count(*) as exported,
    count(*) filter (where h.cell = 'both well') as confirmed,
    count(*) filter (where h.cell = 'never seen') as never_seen,
    count(*) filter (where h.cell is null) as unknown
from written w
left join confirmations h on h.event_id = w.event_id and h.job_id is not distinct from w.job_id
having count(*) > 0
order by exported
