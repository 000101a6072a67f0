-- What would stay open between a token's expiry and the new one?
--
-- Title    Impact of token expiry
-- Topic    Configuration and tokens
--
-- By what the app's jobs were given in each hour of the week, over the eight weeks before, without first cycles. The
-- counts are gamma-Poisson, their range holds four cases in five. With fewer than two weeks of complete hours too
-- little is known and there is no range.
--
-- Parameters
--   $at         TIMESTAMP    the instant asked about: what came after is not looked at
--   $app        VARCHAR      the application
--   $expires    TIMESTAMP    when the token ends
--   $repaired   TIMESTAMP    when a new one is in place
--
-- Columns
--   kind       disable, delete, create, update, or membership
--   expected   how many are expected
--   low        in one case of ten there are fewer
--   high       in one case of ten there are more
--   variance   how much that varies
--   weeks      weeks of complete hours that the estimate is based on
select
    kind,
    round(expected, 3) as expected,
    case when weeks >= 2 then low end as low,
    case when weeks >= 2 then high end as high,
    round(variance, 3) as variance,
    round(weeks, 2) as weeks
from expiry_costs($at::timestamp, $app, $expires::timestamp, $repaired::timestamp)
order by list_position(['disable', 'delete', 'create', 'update', 'membership'], kind)
