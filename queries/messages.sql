-- Which messages were sent, to which receivers, and which failed?
--
-- Title    Notification history
-- Topic    Alerts
--
-- One row is one change for one address; a storm's changes share the id that they went out under.
--
-- Parameters
--   $since    TIMESTAMP         start of the window, inclusive, by when it was written
--   $until    TIMESTAMP         end of the window, exclusive
--   $limit    BIGINT = 500      how many at most, the newest first
--
-- Columns
--   created_at     when it was written, with the change that it reports
--   change         opened, escalated, closed, passed (over before it was reported) or digest
--   severity       info, warning or critical
--   app_name       the application
--   route          the route that it takes
--   address        where it goes
--   title          its subject
--   state          `waiting`, sending, sent, merged (into another message) or `given_up`
--   attempts       how often it was sent
--   repeats        of those, after a crash between sending and recording
--   due_at         when it goes out, or goes out next
--   sent_at        when the receiver's server took it
--   error          what went wrong last
--   message_id     its id
--   sent_as        the id that it went out under
--   incident_id    the incident; null for a digest
select
    created_at,
    change,
    severity,
    app_name,
    route,
    address,
    title,
    state,
    attempts,
    repeats,
    due_at,
    sent_at,
    error,
    message_id,
    sent_as,
    incident_id
from outbox
where created_at >= $since
    and created_at < $until
order by created_at desc, message_id
limit $limit
