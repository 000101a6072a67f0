-- From when to when does the store hold data?
--
-- Title    Stored time range
-- Topic    Data coverage
--
-- The newest instant anchors every default window, because logs may be old: nothing here looks at the clock.
--
-- Columns
--   first_at     the oldest instant of an event, an exchange or a job status; null in an empty store
--   last_at      the newest
--   events       provisioning events
--   exchanges    SCIM requests
--   snapshots    job statuses
select
    min(first_at) as first_at,
    max(last_at) as last_at,
    coalesce(sum(amount) filter (where kind = 'events'), 0)::bigint as events,
    coalesce(sum(amount) filter (where kind = 'exchanges'), 0)::bigint as exchanges,
    coalesce(sum(amount) filter (where kind = 'snapshots'), 0)::bigint as snapshots
from (
    select 'events' as kind, min(occurred_at) as first_at, max(occurred_at) as last_at, count(*) as amount from events
    union all
    select 'exchanges', min(occurred_at), max(occurred_at), count(*) from exchanges
    union all
    select 'snapshots', min(observed_at), max(observed_at), count(*) from job_snapshots
)
order by first_at
