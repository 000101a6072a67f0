-- Did a rule itself fail?
--
-- Title    Failed alert rule
-- Topic    Alerts
--
-- Parameters
--   $at    TIMESTAMP[]  the instants asked about
--
-- Severity
--   warning
--
-- Fires
--   when the newest run of a rule failed.
--
-- Silent
--   when no rules are evaluated at all; the pipeline health in the header reports that.
--
-- Do
--   Read the pipeline's log: it has the error. Until the rule runs again, the problem that it covers goes undetected.
--
-- Columns
--   as_of       the instant asked about
--   subject     the rule
--   since       when it first failed without a successful run since
--   summary     the sentence
--   app_name    always null: a rule is of no app
--   job_id      always null
--   runs        failed runs since
with checks as (
    select
        rule,
        ran_at,
        count(*) as runs,
        bool_or(outcome <> 'failed') as is_good,
        max(case when bool_or(outcome <> 'failed') then ran_at end) over (partition by rule order by ran_at) as good_at
    from rule_runs
    where ran_at <= list_max($at::timestamp[])
    group by rule, ran_at
), failures as (
    select
        rule,
        ran_at,
        is_good,
        sum(case when not is_good then runs end) over since_good as runs,
        min(case when not is_good then ran_at end) over since_good as failing_since
    from checks
    window since_good as (partition by rule, good_at order by ran_at)
)
select
    i.as_of,
    i.rule as subject,
    f.failing_since as since,
    'The alert rule ' || i.rule || ' failed and reports nothing until it runs again' as summary,
    null::varchar as app_name,
    null::varchar as job_id,
    f.runs::bigint as runs
from (select unnest($at::timestamp[]) as as_of, rule from (select distinct rule from checks)) i
asof join failures f on f.rule = i.rule and i.as_of >= f.ran_at
where not f.is_good
order by i.as_of, since, subject
