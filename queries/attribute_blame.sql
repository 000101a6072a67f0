-- Which attribute distinguishes users affected by an issue from those for which it went well?
--
-- Title    Shared traits of affected users
-- Topic    Failures and issues
--
-- Others are users of the same job and kind for which the same action succeeded in the window, 5,000 at most. Ratios
-- have Katz's interval; p is Fisher's exact test, one-sided; q corrects it for all that was tried (Benjamini-Hochberg
-- over the tests that could have shown anything, after Gilbert). Blamed is what half of the affected users have, with q
-- of 0.01 at most and a ratio of which even the low end is above one.
--
-- Parameters
--   $job         VARCHAR        the job
--   $issue       VARCHAR        the issue's fingerprint
--   $since       TIMESTAMP      start of the window, inclusive
--   $until       TIMESTAMP      end of the window, exclusive
--   $required    VARCHAR = ''   attributes that the app's profile requires, with | between them; they only order ties
--
-- Columns
--   attribute      the attribute
--   side           read from the source, written by a create, or changed by an update
--   trait          what holds of its value
--   hit            how many of the affected objects have it
--   of_hit         of how many affected objects for which it can be determined
--   others         how many of the others have it
--   of_others      of how many
--   ratio          how many times as common it is among the affected ones
--   ratio_low      the low end of the ratio's 95 % interval
--   ratio_high     its high end
--   p              how likely so much or more would be by chance
--   q              p, corrected for how much was tried
--   blamed         whether it is taken for the cause
with counted as materialized (
    select * from issue_traits($job, $issue, $since, $until, 5000)
), tested as (
    select
        *,
        case when a * m > c * n then fisher(a, n, c, m) else 1.0 end as p,
        fisher(least(n, a + c), n, a + c - least(n, a + c), m) as least_p
    from counted
    where a + c < n + m
), family as (
    select coalesce(min(k), 1) as k
    from range(1, (select count(*) + 2 from tested)) r(k)
    where (select count(*) from tested where least_p <= 0.01 / k) <= k
), ranked as (
    select *, p * count(*) over () / count(*) over (order by p) as raw
    from tested
    where least_p <= 0.01 / (from family)
), corrected as (
    select *, least(1.0, min(raw) over (order by p desc)) as q from ranked
)
select
    attribute,
    side,
    trait,
    a as hit,
    n as of_hit,
    c as others,
    m as of_others,
    case when a = 0 then 0 else katz_ratio(a, n, c, m) end as ratio,
    katz_low(a, n, c, m) as ratio_low,
    katz_high(a, n, c, m) as ratio_high,
    p,
    q,
    q <= 0.01 and 2 * a >= n and katz_low(a, n, c, m) > 1 as blamed
from corrected
order by
    p,
    not contains('|' || $required || '|', '|' || attribute || '|'),
    trait <> 'is missing',
    trait,
    side,
    attribute
limit 100
