-- When does each app's token expire, and since when is it rejected?
--
-- Title    Token expiry
-- Topic    Configuration and tokens
--
-- Graph does not report when a token expires: an administrator enters it here, or the token itself has it when it is a
-- JWT; the token is never stored. Rejections are those since the last request that the app's own log answered
-- successfully, of the thirty days before. Jobs between directories or from an HR system have no such token.
--
-- Parameters
--   $at       TIMESTAMP           the instant asked about
--   $heard    TIMESTAMP = null    until when calls are known, where that is earlier: logs may be old
--   $job      VARCHAR = null      one job's id; null asks about all of them
--   $tenant   VARCHAR = null      one tenant's id; null asks about all of them
--
-- Columns
--   app_name       the application; two of one name share what was entered, and the first that is rejected is listed
--   expires_at     when its token expires; null where unknown
--   days_left      whole days until then; negative where it has expired
--   said_by        who entered it
--   said_at        when it was entered
--   note           what was noted with it
--   last_good_at   the last call that the app answered well; null without its log
--   refused_at     the first 401 or 403 since
--   refusals       how many of them
--   http_status    the newest one's status
--   rejected_jobs  the jobs of the apps of this name that reject it
with apps as (
    select app_name
    from job_names()
    where ($tenant is null or job_id in (from jobs_of_tenant($tenant))) and ($job is null or job_id = $job)
        and has_scim_token(job_id)
    union
    select app_name from token_ends($at::timestamp) where $tenant is null and $job is null
), refused as (
    select
        j.app_name,
        if(min(r.refused_at) is null, max(r.last_good_at), arg_min_null(r.last_good_at, r.refused_at)) as last_good_at,
        min(r.refused_at) as refused_at,
        arg_min(r.refusals, r.refused_at)::bigint as refusals,
        arg_min(r.http_status, r.refused_at) as http_status,
        flatten(list(o.job_ids) filter (where r.refused_at is not null)) as rejected_jobs
    from refusals(coalesce($heard::timestamp, $at::timestamp)) r
    join app_jobs j on j.app_id = r.app_id
    join (select app_id, list(job_id) as job_ids from job_apps group by app_id) o on o.app_id = r.app_id
    where ($job is null or list_contains(o.job_ids, $job))
        and ($tenant is null or list_has_any(o.job_ids, (select list(job_id) from jobs_of_tenant($tenant))))
    group by j.app_name
)
select
    a.app_name,
    t.expires_at,
    floor((epoch(t.expires_at) - epoch($at::timestamp)) / 86400)::bigint as days_left,
    t.recorded_by as said_by,
    t.recorded_at as said_at,
    t.note,
    r.last_good_at,
    r.refused_at,
    r.refusals,
    r.http_status,
    coalesce(r.rejected_jobs, []) as rejected_jobs
from apps a
left join token_ends($at::timestamp) t on t.app_name = a.app_name
left join refused r on r.app_name = a.app_name
where a.app_name is not null
order by t.expires_at nulls last, a.app_name
