-- Adds who acknowledged an issue, and creates the log of what people do with incidents and issues: every act is a row. Of what they did
-- before, the newest of each kind was kept, and a name only of who acknowledged an incident.
alter table issue_actions add column if not exists acknowledged_by varchar;
alter table issue_actions add column if not exists acknowledged_at timestamp;
create table if not exists action_log (
    acted_at timestamp,
    actor varchar,
    action varchar,
    incident_id varchar,
    job_id varchar,
    issue varchar,
    old_value varchar,
    new_value varchar
);
insert into action_log
with handled as (
    select incident_id, null as job_id, null as issue, acknowledged_at, acknowledged_by, "owner", assigned_at, note, noted_at,
        snoozed_until, snoozed_at
    from incidents
    union all by name
    from issue_actions
)
select acknowledged_at, acknowledged_by, 'acknowledged', incident_id, job_id, issue, null, acknowledged_by
from handled
where acknowledged_at is not null
union all
select assigned_at, null, if("owner" is null, 'unassigned', 'assigned'), incident_id, job_id, issue, null, "owner"
from handled
where assigned_at is not null
union all
select noted_at, null, if(note is null, 'note removed', 'noted'), incident_id, job_id, issue, null, note
from handled
where noted_at is not null
union all
select snoozed_at, null, if(snoozed_until is null, 'snooze ended', 'snoozed'), incident_id, job_id, issue, null,
    strftime(snoozed_until, '%Y-%m-%dT%H:%MZ')
from handled
where snoozed_at is not null;
