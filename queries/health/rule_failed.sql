-- Did a rule itself fail?
--
-- Parameters
--   $at    TIMESTAMP    the instant asked about
--
-- Severity
--   warning
--
-- Fires
--   when the newest run of a rule failed.
--
-- Silent
--   when nothing is checked at all; the pulse in the header says that.
--
-- Do
--   Read the log of the pipeline: the sentence there says why the rule could not be asked. Until it is mended, what it
--   watches is unwatched.
--
-- Columns
--   subject     the rule
--   since       when it first failed without a good run since
--   summary     the sentence
--   app_name    always null: a rule is of no app
--   job_id      always null
--   runs        failed runs since
with runs as (
    select
        rule,
        ran_at,
        outcome,
        max(ran_at) filter (where outcome <> 'failed') over (partition by rule) as good_at,
        row_number() over (partition by rule order by ran_at desc) as nth
    from rule_runs
    where ran_at <= $at
)
select
    rule as subject,
    min(ran_at) as since,
    'The rule ' || rule || ' fails, so what it watches is unwatched' as summary,
    null::varchar as app_name,
    null::varchar as job_id,
    count(*) as runs
from runs
where outcome = 'failed' and (good_at is null or ran_at > good_at)
group by rule
having min(nth) = 1
order by since, subject
