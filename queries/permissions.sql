-- Which permissions does the collector have, feature by feature?
--
-- Title    Collector permissions
-- Topic    Configuration and tokens
--
-- As `python -m pipeline preflight` last tried them; the file of tenants gives the names.
--
-- Columns
--   tenant      the tenant's name
--   feature     what it is needed for
--   scope       the least permission that gives it, or the one that is too much
--   state       present, missing, unknown, or excess
--   lost        what cannot be shown without it
--   remedy      what to grant or to do
--   detail      what was seen
--   asked_at    when it was tried
select
    tenant,
    feature,
    scope,
    state,
    lost,
    remedy,
    detail,
    asked_at
from permissions
order by tenant, list_position(['missing', 'unknown', 'excess', 'present'], state), feature, scope
