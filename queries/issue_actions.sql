-- Who acknowledged and owns each issue, what was noted on it, and until when is it snoozed?
--
-- Title    Owners and notes of issues
-- Topic    Failures and issues
--
-- Parameters
--   $job    VARCHAR = null    one job's id; null asks about all of them
--
-- Columns
--   job_id           the job
--   issue            the issue's fingerprint
--   owner            its owner; null where it has none
--   assigned_at      when its owner was set, by the wall clock; so are the other instants
--   note             what was noted
--   noted_at         when the note was written
--   snoozed_until    until when it is snoozed
--   snoozed_at       when it was snoozed or the snooze ended
--   acknowledged_by  who acknowledged it; null where it was not acknowledged
--   acknowledged_at  when it was acknowledged
select job_id, issue, "owner", assigned_at, note, noted_at, snoozed_until, snoozed_at, acknowledged_by, acknowledged_at
from issue_actions
where $job is null or job_id = $job
order by job_id, issue
