-- Did the app reject changes that Entra reports as successful?
--
-- Title    Successes that the app rejected
-- Topic    SCIM traffic
--
-- Parameters
--   $at       TIMESTAMP[]    the instants asked about
--   $least    BIGINT = 1     users and groups with such a change, at least
--
-- Severity
--   critical
--
-- Needs
--   events 24 hours
--   exchanges 24 hours
--
-- Explained by
--   token_refused where http_status is 401, 403
--
-- Fires
--   when the app's log has an error (4xx or 5xx) for the request of a create, update, disable or delete that Entra
--   reports as successful, and nothing later shows that change done: at least `least` users or groups.
--
-- Silent
--   where the app's log is not collected, or the request cannot be matched to the event with confidence; on requests
--   that were sent again and succeeded; on a 404 or 410 to a disable or delete.
--
-- Do
--   Entra does not send these changes again by itself. Read the app's answer on the user's page and fix what it
--   rejects; then provision the user on demand in Entra.
--
-- Page
--   people
--
-- Columns
--   as_of          the instant asked about
--   subject        the job
--   since          the first such change
--   summary        the sentence
--   app_name       the application
--   job_id         the job
--   app_id         the app whose log it is
--   objects        users and groups with such a change
--   people         up to ten names, the longest wait first
--   actions        what the changes were to do
--   http_status    the app's most frequent answer
select
    as_of,
    coalesce(job_id, app_id) as subject,
    min(since) as since,
    coalesce(max(app_name), job_label(job_id)) || ' rejected ' || count(*)
        || if(count(*) = 1, ' change that Entra reports', ' changes that Entra reports') || ' as successful' as summary,
    max(app_name) as app_name,
    job_id,
    max(app_id) as app_id,
    count(*) as objects,
    list("name" order by since, "name")[:10] as people,
    list_sort(list(distinct "action")) as actions,
    mode(http_status) as http_status
from rejected_as_of($at::timestamp[])
group by as_of, job_id, app_id
having count(*) >= $least
order by as_of, since, subject
