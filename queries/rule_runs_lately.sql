-- When was each rule last evaluated, and with which result?
--
-- Title    Latest rule evaluations
-- Topic    Alerts
--
-- Instants are those as of which it was evaluated, which in old logs is not when it ran.
--
-- Columns
--   rule          the rule
--   ran_at        as of when it was last asked
--   outcome       ok, found, unknown (not enough data) or failed
--   findings      problems that it found then
--   duration_ms   how long it took
--   apps          how many apps it had to check then; null in evaluations of earlier versions
--   unchecked     of how many of them data was missing
--   unwatched     how many of them had nothing to check: no token expiry, no SCIM log, too little history
--   found_at      when it last found something; null where it never did
select
    rule,
    max(ran_at) as ran_at,
    arg_max(outcome, ran_at) as outcome,
    arg_max(findings, ran_at) as findings,
    arg_max(duration_ms, ran_at) as duration_ms,
    arg_max_null(apps, ran_at) as apps,
    arg_max_null(unchecked, ran_at) as unchecked,
    arg_max_null(unwatched, ran_at) as unwatched,
    max(ran_at) filter (where findings > 0) as found_at
from rule_runs
group by rule
order by rule
