-- Which token ends before a new one could be had?
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
--   when a token's end, as an operator or the token itself said, is at most `lead` and `spare` days away.
--
-- Silent
--   on tokens nobody gave a date for: the page Connections takes one. A SCIM token need not have an end at all.
--
-- Do
--   Ask for the new token now; where only support makes one, the page Connections says whom to write to. Enter it in
--   Entra before the old one ends.
--
-- Columns
--   as_of         the instant asked about
--   subject       the app
--   since         when it came within reach
--   summary       the sentence
--   app_name      the application
--   job_id        always null: a token is the app's
--   severity      critical when a new one would come too late, or it has ended
--   expires_at    the token's end
--   days_left     whole days until then
--   said_by       who said so
--   unknown       what is missing to tell
with ends as (
    -- As token_ends, for many instants.
    select i.as_of, t.*
    from (select unnest($at::timestamp[]) as as_of) i
    cross join tokens t
    qualify row_number() over (
        partition by i.as_of, t.app_name
        order by t.recorded_at <= i.as_of desc, t.recorded_at desc, t.expires_at desc nulls last
    ) = 1
)
select
    as_of,
    app_name as subject,
    coalesce(expires_at - to_days(($lead + $spare)::integer), as_of) as since,
    app_name || ': the token ends on ' || strftime(expires_at, '%-d %B, %H:%M') || ' UTC' as summary,
    app_name,
    null::varchar as job_id,
    case when expires_at - to_days($lead::integer) <= as_of then 'critical' else 'warning' end as severity,
    expires_at,
    date_diff('day', as_of, expires_at) as days_left,
    recorded_by as said_by,
    case when expires_at is null then 'The end of the token was recorded as unknown' end as unknown
from ends
where expires_at is null or expires_at - to_days(($lead + $spare)::integer) <= as_of
order by as_of, expires_at, subject
