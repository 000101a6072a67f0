-- How long leavers keep their accounts.

-- survival_curve(since, until): one row per job, kind and length: the share of the leavers who started in a time range
-- and still had an account after so long, by Kaplan and Meier: a case that is open, or was called off, counts as long
-- as it was followed. With it the 95 % band of that share (Greenwood, of its logarithm's logarithm).
--   job_id        the job
--   app_name      the app's name
--   kind          disable or delete
--   took_s        the length, in seconds
--   at_risk       cases that were followed so long
--   went          cases that were done then
--   left_sight    cases that were followed no longer
--   still_open    of those, open ones
--   called_off    of those, ones that were called off
--   from_trigger  cases of this length that are counted from a trigger
--   still_share   the share that is still there
--   low_share     the band's lower end; null where the share is 0 or 1
--   high_share    the band's upper end
create or replace macro survival_curve(since, until) as table
with lengths as (
    select
        job_id,
        kind,
        max(app_name) as app_name,
        took_s,
        count(*) filter (where outcome = 'done') as went,
        count(*) filter (where outcome = 'open') as still_open,
        count(*) filter (where outcome = 'called off') as called_off,
        count(*) filter (where started_from = 'trigger') as from_trigger,
        count(*) as followed_to_here
    from leaver_cases(until)
    where kind <> 'stagedDelete' and started_at >= since
    group by job_id, kind, took_s
), risk as (
    select
        *,
        sum(followed_to_here) over (partition by job_id, kind order by took_s desc rows unbounded preceding)::bigint
            as at_risk
    from lengths
), curve as (
    select
        *,
        product(1 - went / at_risk) over up_to_length as still_share,
        sum(went / nullif(at_risk * (at_risk - went), 0)) over up_to_length as spread
    from risk
    window up_to_length as (partition by job_id, kind order by took_s rows unbounded preceding)
)
select
    job_id,
    app_name,
    kind,
    took_s,
    at_risk,
    went,
    followed_to_here - went as left_sight,
    still_open,
    called_off,
    from_trigger,
    still_share,
    case when still_share > 1e-12 and still_share < 1 then
        still_share ** exp(1.96 * sqrt(spread) / abs(ln(still_share))) end as low_share,
    case when still_share > 1e-12 and still_share < 1 then
        still_share ** exp(-1.96 * sqrt(spread) / abs(ln(still_share))) end as high_share
from curve;
