-- Which token expires before a new one could be issued?
--
-- Title    Token expiring soon
-- Topic    Configuration and tokens
--
-- Parameters
--   $at      TIMESTAMP[]     the instants asked about
--   $lead    BIGINT = 7      days that a new token takes; rules.toml gives each app its own
--   $spare   BIGINT = 7      days to spare
--
-- Severity
--   warning
--
-- Explained by
--   token_refused
--
-- Fires
--   when a token's expiry, as entered by an administrator or read from the token, is at most `lead` + `spare` days
--   away.
--
-- Silent
--   on tokens without an expiry date: enter it on the app's Configuration tab. A SCIM token need not expire at all;
--   a job between directories or from an HR system has none.
--
-- Do
--   Create a new token in the app, or request one from its vendor; enter it in Entra before the old one expires.
--
-- Columns
--   as_of         the instant asked about
--   subject       the app
--   since         when its renewal became due
--   summary       the sentence
--   app_name      the application
--   job_id        always null: a token is the app's
--   severity      critical when a new one would come too late, or it has expired
--   expires_at    the token's expiry
--   days_left     whole days until then
--   said_by       who entered it
--   unwatched     why there is nothing to check
with apps as (
    select n.app_name, min(r.seen_at) as seen_at
    from (
        select job_id, "hour" as seen_at from hourly_parts
        union all
        select job_id, observed_at from job_snapshots
    ) r
    join job_names() n on n.job_id = r.job_id
    where has_scim_token(r.job_id)
    group by n.app_name
), ends as (
    -- As token_ends, for many instants.
    select i.as_of, t.*
    from (select unnest($at::timestamp[]) as as_of) i
    cross join tokens t
    qualify row_number() over (
        partition by i.as_of, t.app_name
        order by t.recorded_at <= i.as_of desc, t.recorded_at desc, t.expires_at desc nulls last
    ) = 1
), watched as (
    select as_of, app_name, expires_at, recorded_by,
        if(expires_at is null, 'The expiry of the token was recorded as unknown', null) as unwatched
    from ends
    union all
    select i.as_of, a.app_name, null, null, 'No token expiry is recorded'
    from (select unnest($at::timestamp[]) as as_of) i
    join apps a on a.seen_at <= i.as_of
    anti join ends e on e.as_of = i.as_of and lower(e.app_name) = lower(a.app_name)
)
select
    as_of,
    app_name as subject,
    coalesce(expires_at - to_days(($lead + $spare)::integer), as_of) as since,
    app_name || ': the access token expires on ' || strftime(expires_at, '%-d %b, %H:%M') || ' UTC' as summary,
    app_name,
    null::varchar as job_id,
    case when expires_at - to_days($lead::integer) <= as_of then 'critical' else 'warning' end as severity,
    expires_at,
    date_diff('day', as_of, expires_at) as days_left,
    recorded_by as said_by,
    unwatched
from watched
where unwatched is not null or expires_at - to_days(($lead + $spare)::integer) <= as_of
order by as_of, expires_at, subject
