-- How many lines of each file were kept, duplicates or rejected?
--
-- Title    Imported files
-- Topic    Data coverage
--
-- For every file, lines = kept + duplicates + rejects. What is no SCIM request in a request log is counted beside them.
--
-- Parameters
--   $limit    BIGINT = 500    how many at most, the last loaded first
--
-- Columns
--   file              the file
--   source            the log format that was recognised; null for none
--   size              its bytes
--   read_to           the byte up to which it was read
--   lines             lines read
--   kept              lines that became rows
--   duplicates        lines that the store had already
--   rejects           lines that no source could read
--   passed_over       lines of a request log beside these that are no SCIM requests
--   unfamiliar        rows with a value that is not documented; they are kept
--   first_event_at    its oldest record
--   last_event_at     its newest record
--   finished_at       when it was last read
select
    "file",
    source,
    "size",
    read_to,
    lines,
    kept,
    duplicates,
    rejects,
    coalesce(passed_over, 0) as passed_over,
    unfamiliar,
    first_event_at,
    last_event_at,
    finished_at
from files
order by finished_at desc, "file"
limit $limit
