-- Adds the accounts, scopes and names of events that were loaded before identity_parts had columns for them; they are
-- counted already.
-- after: model
-- by: day
create or replace temp view day_spine as
from event_spine
where occurred_at >= getvariable('day')::timestamp and occurred_at < getvariable('day')::timestamp + interval 1 day;
create or replace temp view day_identities as
select * replace (0 as attempts, 0 as failures, 0 as benign_skips)
from identity_events('day_events', 'day_spine');
insert into identity_parts by name from identity_fold('day_identities', true);
