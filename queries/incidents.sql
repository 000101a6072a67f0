-- Which incidents were open, and when did each begin and end?
--
-- Every one that lasted for some of the window. It is dated when the trouble began; a check may have found it later.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive
--   $until    TIMESTAMP         end of the window, exclusive
--   $job      VARCHAR = null    one job's id; null asks about all of them
--
-- Columns
--   incident_id       its id
--   severity          info, warning or critical
--   rule              the rule that found it
--   app_name          the application; null where it is of none
--   job_id            the job; null where it is of none
--   summary           the sentence
--   opened_at         when the trouble began
--   noticed_at        when a check found it
--   closed_at         when it was over; null while it lasts
--   is_new            whether it was found within the window
--   is_over           whether it ended within the window
--   acknowledged_by   who has seen it
--   owner             whose it is
--   snoozed_until     until when nobody wants to hear of it
--   unknown_since     since which check it cannot be judged; null while it can
--   missing           what is missing to judge it
select
    incident_id,
    severity,
    rule,
    app_name,
    job_id,
    summary,
    opened_at,
    noticed_at,
    closed_at,
    noticed_at >= $since and noticed_at < $until as is_new,
    coalesce(closed_at < $until, false) as is_over,
    acknowledged_by,
    owner,
    snoozed_until,
    unknown_since,
    missing
from incidents
where opened_at < $until
    and (closed_at is null or closed_at >= $since)
    and ($job is null or job_id = $job)
order by
    is_over,
    case severity when 'critical' then 1 when 'warning' then 2 else 3 end,
    opened_at,
    incident_id
