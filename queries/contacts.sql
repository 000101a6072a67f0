-- When did each feed last answer, and what is the matter where it does not?
--
-- Title    Data source connections
-- Topic    Data coverage
--
-- Columns
--   tenant         the tenant's name in the file of tenants
--   feed           events, jobs, configuration or container
--   outcome        ok or failed
--   reached_at     when it last answered in full
--   tried_at       when it was last asked
--   failures       times in a row that it failed
--   next_try_at    when it is asked again at the earliest, while it fails
--   detail         what came, or what is the matter and what to do
--   skew_s         seconds by which its clock is ahead of ours
--   requests       requests made so far
select
    tenant,
    feed,
    outcome,
    reached_at,
    tried_at,
    failures,
    next_try_at,
    detail,
    skew_s,
    requests
from contacts
order by outcome = 'ok', tenant, feed
