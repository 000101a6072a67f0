-- Why were lines rejected?
--
-- Title    Rejection reasons
-- Topic    Data coverage
--
-- Places and quoted values are left out of the reason, so that the same mistake counts once.
--
-- Columns
--   reason        what was wrong
--   rejects       how many lines
--   files         in how many files
--   example       one of them, as file and line
--   last_at       when the last was rejected
select
    regexp_replace(
        regexp_replace(reason, '^.{1,400}?:\d+: ', ''),
        '''[^'']*''|line \d+ column \d+',
        '…',
        'g'
    ) as reason,
    count(*) as rejects,
    count(distinct "file") as files,
    min("file" || ':' || line) as example,
    max(rejected_at) as last_at
from rejects
group by all
order by rejects desc, reason
