-- Adds the removals that failed before identity_parts had columns for them, and writes the pending retries anew that a
-- skip for want of entitlement closed.
-- after: model
create or replace temp table removals as
select object, max(order_key) as removal_key
from footings
where fails_to_remove(removal, status)
group by object;
create or replace temp table removal_spines as
select
    object,
    max(order_key) filter (where footing in ('in', 'gone')) as settled_key,
    max(order_key) filter (where state = 'failing') as failed_key
from event_spine
where object in (select object from removals)
group by object;
create or replace temp table removal_parts as
select p.* replace (
    r.removal_key as removal_key, s.settled_key as settled_key, s.failed_key as failed_key, c.code as failed_error)
from identity_parts p
join removals r on r.object = p.object
join removal_spines s on s.object = p.object
left join (
    select object, order_key, any_value(code) as code
    from problems
    where status = 'failure' and object in (select object from removals)
    group by object, order_key
) c on c.object = s.object and c.order_key = s.failed_key;
delete from identity_parts where object in (select object from removals);
insert into identity_parts by name from removal_parts;
create or replace temp table failures as
select * from problems where status = 'failure' and source_id is not null and object in (select object from removals);
create or replace temp view removal_footings as from footings where object in (select object from removals);
create or replace temp table settlements as from settlements_of('removal_footings');
delete from pending_retries where object in (select object from removals);
insert into pending_retries by name from pending_retry_rows('failures', 'settlements');
drop view removal_footings;
