-- How long leavers keep their accounts.

-- survival_curve: which share of the leavers who started in a window still had an account after how long, by Kaplan and
-- Meier: whoever is open, or was called off, counts as long as was seen. At each length: how many were followed so
-- long, how many went then, the share left, and the 95 % band of that share (Greenwood, of its logarithm's logarithm).
-- With it, of those who were followed to that length: who is still there, was called off, and is counted from a trigger.
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
