-- Was a group emptied or halved in an app?
--
-- Title    Group emptied or shrunk
-- Topic    Users and groups
--
-- Parameters
--   $at       TIMESTAMP[]                    the instants asked about
--   $hours    BIGINT = 72                    hours looked back
--   $share    DOUBLE = 0.5, closes at 0.8    share of its members that must be left, or be added again
--   $least    BIGINT = 2                     members lost, at least
--
-- Severity
--   warning
--
-- Needs
--   events 24 hours where source is event
--   exchanges 24 hours where source is wire
--
-- Page
--   groups
--
-- Fires
--   when one event or request of the last `hours` hours removed at least `least` members and left less than `share%`
--   of the group, and they have not been added again.
--
-- Silent
--   on a deleted group; where neither Entra's events nor the app's log show who its members were.
--
-- Do
--   Check the request: a remove without a value, or a replace of the whole list, removes all members. Compare with
--   the group in Entra; if the members are still there, use on-demand provisioning for the group, or remove and add
--   its assignment.
--
-- Columns
--   as_of         the instant asked about
--   subject       the group's id
--   since         when it lost them
--   summary       the sentence
--   app_name      the application
--   job_id        the job
--   severity      critical when no member is left
--   group_name    the group
--   had           members before
--   has           members now
--   lost          members lost
--   people        up to ten of them
--   source        event (Entra's log) or `wire` (the app's log)
--   app_id        the app whose log shows it
with records as (
    select job_id, group_id, app_id, unnest(units) as one
    from group_records(list_max($at::timestamp[]), taken_since := list_min($at::timestamp[]) - to_hours($hours))
), steps as (
    select job_id, group_id, app_id, one.unit as unit, one.occurred_at as occurred_at, one.before as before,
        one.after as after, one.lost as lost, one.flag as flag, one.source as source, one.ref as ref,
        lead(one.occurred_at) over (partition by job_id, group_id order by one.unit) as next_at
    from records
), shrunk as (
    select
        i.as_of,
        s.job_id,
        s.group_id,
        case when s.source = 'wire' then s.app_id end as app_id,
        l.after as has,
        s.occurred_at,
        s.before,
        s.after,
        s.lost,
        s.source,
        s.ref
    from (select unnest($at::timestamp[]) as as_of) i
    join steps s on s.occurred_at > i.as_of - to_hours($hours) and s.occurred_at <= i.as_of
    join steps l on l.job_id is not distinct from s.job_id and l.group_id = s.group_id
        and l.occurred_at <= i.as_of and coalesce(l.next_at > i.as_of, true)
    where s.flag is distinct from 'deleted'
        and l.flag is distinct from 'deleted'
        and len(s.lost) >= $least
        and s.after < $share * s.before
        and l.after < $share * s.before
    qualify row_number() over (partition by i.as_of, s.job_id, s.group_id order by s.before desc, s.unit desc) = 1
), called as (
    select job_id, source_id, arg_max_null(app_name, named_key) as app_name,
        arg_max_null(source_name, named_key) as source_name
    from identity_parts
    where source_id in (select group_id from shrunk)
    group by job_id, source_id
), named as (
    select s.*, i.source_name, i.app_name
    from shrunk s
    left join called i on i.job_id = s.job_id and i.source_id = s.group_id
)
select
    as_of,
    group_id as subject,
    occurred_at as since,
    coalesce(app_name || ': group ', 'Group ') || coalesce(source_name, group_id) || case
        when after = 0 then ' was emptied, losing '
        else ' lost '
    end || len(lost) || ' of ' || before || ' members' as summary,
    app_name,
    job_id,
    case when has = 0 then 'critical' else 'warning' end as severity,
    coalesce(source_name, group_id) as group_name,
    before as had,
    has,
    len(lost) as lost,
    lost[:10] as people,
    source,
    app_id
from named
order by as_of, since, subject, job_id
