-- Creates the table of what people set on an issue: its owner, a note, and until when it is snoozed.
create table if not exists issue_actions (
    job_id varchar,
    issue varchar,
    "owner" varchar,
    assigned_at timestamp,
    note varchar,
    noted_at timestamp,
    snoozed_until timestamp,
    snoozed_at timestamp
);
