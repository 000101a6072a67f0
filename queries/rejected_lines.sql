-- Which lines could no source read?
--
-- Title    Rejected lines
-- Topic    Data coverage
--
-- Parameters
--   $file     VARCHAR = null    one file; null asks about all of them
--   $limit    BIGINT = 200      how many at most, the last rejected first
--
-- Columns
--   file           the file
--   line           the line's number, from 1
--   reason         what was wrong and what was expected
--   text           its beginning as text; where it is none, its bytes in DuckDB's spelling
--   rejected_at    when
select
    "file",
    line,
    reason,
    left(coalesce(try(decode("raw")), "raw"::varchar), 400) as "text",
    rejected_at
from rejects
where $file is null or "file" = $file
order by rejected_at desc, "file", line
limit $limit
