-- When did each background job last run, and how did it end?
--
-- Title    Background jobs
-- Topic    Data coverage
--
-- Columns
--   beat         ingest, maintain, …
--   began_at     when its last run began
--   ended_at     when it ended; null while it runs
--   outcome      how it ended
--   detail       what it reports
select
    job as beat,
    began_at,
    ended_at,
    outcome,
    detail
from background_jobs
qualify row_number() over (partition by job order by began_at desc, ended_at desc) = 1
order by beat
