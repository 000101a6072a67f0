-- How far does each source's data reach?
--
-- Title    Newest record by source
-- Topic    Data coverage
--
-- Lag is what lay between a source's newest record and its loading; for logs loaded long after the fact it is long.
--
-- Columns
--   source           the log format
--   files            files read
--   lines            lines read
--   first_event_at   the oldest record
--   last_event_at    the newest record
--   loaded_at        when a file of it was last loaded
--   lag_s            seconds from the newest record to its loading
select
    source,
    count(*) as files,
    sum(lines)::bigint as lines,
    min(first_event_at) as first_event_at,
    max(last_event_at) as last_event_at,
    max(finished_at) as loaded_at,
    date_diff('second', max(last_event_at), arg_max(finished_at, last_event_at)) as lag_s
from files
group by source
order by last_event_at desc, source
