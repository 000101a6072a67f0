-- Orders earlier events of one object and one second by what they do, and makes anew what rests on that order.
-- after: model
-- by: day
-- The first day empties what is made anew. Where retention is set, identities and pending retries outlive their events:
-- then they stay, and the keys of a retry are those of its events.
delete from event_spine
where getvariable('day')::timestamp = (select date_trunc('day', min(occurred_at)) from events);
delete from problems
where getvariable('day')::timestamp = (select date_trunc('day', min(occurred_at)) from events);
delete from footings
where getvariable('day')::timestamp = (select date_trunc('day', min(occurred_at)) from events);
delete from pending_retries
where getvariable('day')::timestamp = (select date_trunc('day', min(occurred_at)) from events)
    and not exists (from coverage where source = 'forgotten');
delete from identity_parts
where getvariable('day')::timestamp = (select date_trunc('day', min(occurred_at)) from events)
    and not exists (from coverage where source = 'forgotten');
update hourly_parts
set benign = true
where status = 'skipped' and not benign and error_code like '%EntityTypeNotSupported'
    and "hour" >= getvariable('day')::timestamp and "hour" < getvariable('day')::timestamp + interval 1 day;
create or replace temp table tied_narrow as from narrow_events('day_events');
create or replace temp table tied_facts as from step_facts_of('tied_narrow');
create or replace temp table tied_spine as from spine_rows('tied_narrow', 'tied_facts');
insert into event_spine by name from tied_spine;
create or replace temp view tied_identities as from identity_events('day_events', 'tied_spine');
insert into identity_parts by name
from identity_fold('tied_identities', true)
where not exists (from coverage where source = 'forgotten');
insert into problems by name from problem_rows('day_events');
create or replace temp table tied_words as
select object, order_key, word, footing, removal, left_as, ends, account, "scope", true as is_stored
from tied_spine
where word is not null;
create or replace temp table tied_footings as
select object, order_key, word from footings where object in (select object from tied_words);
create or replace temp table tied_changes as from footing_changes('tied_words', 'tied_footings');
insert into footings by name from footing_rows('day_events', 'tied_changes');
update rejected_changes
set order_key = e.order_key
from (select event_id, job_id, order_of(occurred_at, event_id, "action", status) as order_key from day_events) e
where rejected_changes.event_id = e.event_id and rejected_changes.job_id is not distinct from e.job_id;
update pending_retries
set first_key = s.order_key
from (
    select object, order_key // 2147483648 as "second", min(order_key) as order_key
    from tied_spine
    where state = 'failing'
    group by all
) s
where pending_retries.object = s.object and pending_retries.first_key // 2147483648 = s."second";
update pending_retries
set closed_key = s.order_key
from (
    select object, order_key // 2147483648 as "second", min(order_key) as order_key
    from tied_spine
    where footing in ('in', 'gone', 'out')
    group by all
) s
where pending_retries.object = s.object and pending_retries.closed_key // 2147483648 = s."second";
-- The last day has all failures and what settled them.
create or replace temp table tied_failures as
from problems
where status = 'failure' and source_id is not null
    and getvariable('day')::timestamp = (select date_trunc('day', max(occurred_at)) from events)
    and not exists (from coverage where source = 'forgotten');
create or replace temp table tied_settlements as from settlements_of('footings');
insert into pending_retries by name from pending_retry_rows('tied_failures', 'tied_settlements');
