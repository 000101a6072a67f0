-- Which incidents were open, and when did each begin and end?
--
-- Title    Incident history
-- Topic    Alerts
--
-- Every one that lasted for some of the window. It is dated when the trouble began; a check may have found it later.
-- What a root cause explains is listed with it.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--
-- Columns
--   incident_id       its id
--   severity          info, warning or critical: the worst of it and its symptoms
--   rule              the rule that found it
--   app_name          the application; null where it is of none
--   job_id            the job; null where it is of none
--   summary           the sentence
--   opened_at         when the trouble began
--   noticed_at        when a check found it
--   closed_at         when it was over; null while it lasts
--   is_new            whether it was found within the window
--   is_over           whether it ended within the window
--   acknowledged_by   the name of who acknowledged it
--   owner             its owner
--   snoozed_until     until when it is snoozed
--   unknown_since     since which check it cannot be judged; null while it can
--   missing           what is missing to judge it
--   symptoms          how many incidents it explains
--   explains          their sentences, the worst first
--   apps              the applications that it and its symptoms are of
--   explained_by      the incident that caused it; null unless that is of another time or app than those asked about
with window_incidents as (
    select *,
        case severity when 'critical' then 1 when 'warning' then 2 else 3 end as grade,
        coalesce(closed_at < $until, false) as is_over
    from incidents
    where opened_at < $until
        and (closed_at is null or closed_at >= $since)
        and ($job is null or job_id = $job)
), symptoms as (
    select
        explained_by,
        count(*) as symptoms,
        min(grade) as grade,
        list(summary order by grade, opened_at, incident_id) as explains,
        list(distinct app_name) filter (where app_name is not null) as apps
    from window_incidents
    where explained_by in (select incident_id from window_incidents)
    group by explained_by
)
select
    l.incident_id,
    case least(l.grade, coalesce(s.grade, l.grade))
        when 1 then 'critical' when 2 then 'warning' else 'info' end as severity,
    l.rule,
    name_of_job(l.app_name, l.job_id) as app_name,
    l.job_id,
    l.summary,
    l.opened_at,
    l.noticed_at,
    l.closed_at,
    l.noticed_at >= $since and l.noticed_at < $until as is_new,
    l.is_over,
    l.acknowledged_by,
    l.owner,
    l.snoozed_until,
    l.unknown_since,
    l.missing,
    coalesce(s.symptoms, 0) as symptoms,
    coalesce(s.explains, []) as explains,
    list_sort(list_distinct(list_concat(coalesce(s.apps, []), list_filter([l.app_name], lambda x: x is not null))))
        as apps,
    l.explained_by
from window_incidents l
left join symptoms s on s.explained_by = l.incident_id
where l.explained_by is null or l.explained_by not in (select incident_id from window_incidents)
order by
    l.is_over,
    least(l.grade, coalesce(s.grade, l.grade)),
    l.opened_at,
    l.incident_id
