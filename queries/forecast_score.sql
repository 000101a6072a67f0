-- How well were quarantines predicted so far?
--
-- Title    Quarantine prediction accuracy
-- Topic    Cycles and quarantine
--
-- Each rule that predicts, compared with the quarantines that began since it was first evaluated: how many had a
-- finding within so many days before, and how many findings no quarantine followed. A quarantine of another kind than
-- the rule looks for counts as not announced; one without a reason counts for every rule.
--
-- Parameters
--   $at       TIMESTAMP         the instant asked about
--   $job      VARCHAR = null    one job's id; null asks about all of them
--   $tenant   VARCHAR = null    one tenant's id; null asks about all of them
--   $days     BIGINT = 7        days before a quarantine in which a finding still counts as a warning of it
--
-- Columns
--   rule            the rule
--   since           as of when it was first asked
--   fired           incidents that it opened
--   quarantines     quarantines that began since
--   announced       of those, how many it had warned of
--   lead_s          median of the seconds between warning and quarantine
--   least_lead_s    the shortest
--   false_alarms    incidents that no quarantine followed within so many days, of those so old
with rule_starts as (
    select rule, min(ran_at) as since
    from rule_runs
    where ran_at <= $at and rule in ('quarantine_ahead', 'failing_runs', 'token_refused', 'token_due', 'mass_leavers')
    group by rule
), chosen_jobs as (
    select distinct job_id, app_name
    from job_snapshots
    where ($job is null or job_id = $job) and ($tenant is null or job_id in (from jobs_of_tenant($tenant)))
), chosen_quarantines as (
    select
        job_id,
        opened_at,
        case
            when reason = 'TooManyDeletes' then ['mass_leavers']
            when reason like '%Threshold' then ['quarantine_ahead']
            when reason = 'EncounteredQuarantineException' then ['failing_runs', 'token_refused', 'token_due']
        end as rules
    from quarantines
    where opened_at <= $at and job_id in (select job_id from chosen_jobs)
), warnings as (
    -- A finding on a token is an app's, and so of each of its jobs.
    select i.incident_id, i.rule, m.job_id, i.noticed_at
    from incidents i
    join chosen_jobs m on m.job_id = i.job_id or (i.job_id is null and m.app_name = i.app_name)
    where i.noticed_at <= $at and i.rule in (select rule from rule_starts)
), announcements as (
    select
        a.rule,
        b.job_id,
        b.opened_at,
        max(date_diff('second', f.noticed_at, b.opened_at)) as lead_s
    from rule_starts a
    join chosen_quarantines b on b.opened_at >= a.since
    left join warnings f on f.rule = a.rule and f.job_id = b.job_id and coalesce(list_contains(b.rules, f.rule), true)
        and f.noticed_at < b.opened_at and f.noticed_at >= b.opened_at - to_days($days::integer)
    group by a.rule, b.job_id, b.opened_at
), judged_warnings as (
    select
        f.rule,
        f.incident_id,
        bool_or(b.opened_at is not null) as followed,
        bool_or(f.noticed_at + to_days($days::integer) <= $at) as over
    from warnings f
    left join chosen_quarantines b on b.job_id = f.job_id and coalesce(list_contains(b.rules, f.rule), true)
        and b.opened_at > f.noticed_at and b.opened_at <= f.noticed_at + to_days($days::integer)
    group by f.rule, f.incident_id
)
select
    a.rule,
    a.since,
    (select count(*) from judged_warnings j where j.rule = a.rule) as fired,
    (select count(*) from announcements w where w.rule = a.rule) as quarantines,
    (select count(w.lead_s) from announcements w where w.rule = a.rule) as announced,
    (select median(w.lead_s)::bigint from announcements w where w.rule = a.rule) as lead_s,
    (select min(w.lead_s) from announcements w where w.rule = a.rule) as least_lead_s,
    (select count(*) from judged_warnings j where j.rule = a.rule and j.over and not j.followed) as false_alarms
from rule_starts a
order by list_position(['quarantine_ahead', 'failing_runs', 'token_refused', 'token_due', 'mass_leavers'], a.rule)
