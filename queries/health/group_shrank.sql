-- Was a group emptied or halved in an app?
--
-- Parameters
--   $at       TIMESTAMP                      the instant asked about
--   $hours    BIGINT = 72                    how far back
--   $share    DOUBLE = 0.5, closes at 0.8    share of its members that must be left, or be back
--   $least    BIGINT = 2                     members lost, at least
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours
--
-- Page
--   groups
--
-- Fires
--   when one event or request of the last `hours` left less than `share` of a group's members, and they are not back.
--
-- Silent
--   on a group that was deleted; where neither Entra's events nor the app's log tell who its members were.
--
-- Do
--   Look at the request: a remove without a value, or a replace of the whole list, takes everybody out. Compare the
--   group in Entra; if the members are still there, provision the group on demand, or remove and add its assignment.
--
-- Columns
--   subject       the group's id
--   since         when it lost them
--   summary       the sentence
--   app_name      the application
--   job_id        the job
--   severity      critical when nobody is left
--   group_name    the group
--   had           members before
--   has           members now
--   lost          members lost
--   people        up to ten of them
with records as (
    select job_id, group_id, units, units[-1].after as has, unnest(units) as one
    from group_records($at, taken_since := $at - to_hours($hours))
), shrunk as (
    select
        job_id,
        group_id,
        has,
        one.occurred_at as occurred_at,
        one.before as before,
        one.after as after,
        one.lost as lost
    from records
    where one.occurred_at > $at - to_hours($hours)
        and one.flag is distinct from 'deleted'
        and units[-1].flag is distinct from 'deleted'
        and len(one.lost) >= $least
        and one.after < $share * one.before
        and has < $share * one.before
    qualify row_number() over (partition by job_id, group_id order by one.before desc, one.unit desc) = 1
), named as (
    select s.*, i.source_name, i.app_name
    from shrunk s
    left join identities i on i.job_id = s.job_id and i.source_id = s.group_id
)
select
    group_id as subject,
    occurred_at as since,
    coalesce(app_name || ': ', '') || 'the group ' || coalesce(source_name, group_id) || case
        when after = 0 then ' was emptied, '
        else ' lost more than half, '
    end || len(lost) || ' of ' || before || ' members' as summary,
    app_name,
    job_id,
    case when has = 0 then 'critical' else 'warning' end as severity,
    coalesce(source_name, group_id) as group_name,
    before as had,
    has,
    len(lost) as lost,
    lost[:10] as people
from named
order by since, subject, job_id
