-- Adds the removals that failed before identity_parts had columns for them, and writes the pending retries anew that a
-- skip for want of entitlement closed.
-- after: model
create or replace temp table failed_removals as
select object, max(order_key) as removal_key, arg_max_null(error_code, order_key) as removal_error
from footings
where fails_to_remove(removal, status)
group by object;
create or replace temp table removals as
select r.*, s.settled_key
from failed_removals r
left join (
    select s.object, max(s.order_key) as settled_key
    from event_spine s
    where s.object in (select object from failed_removals)
        and (s.footing in ('in', 'gone') or s.state = 'failing' and coalesce(s.removal not in ('disable', 'delete'), true))
    group by s.object
) s on s.object = r.object;
create or replace temp table removal_parts as
select p.* replace (r.removal_key as removal_key, r.removal_error as removal_error, r.settled_key as settled_key)
from identity_parts p
join removals r on r.object = p.object;
delete from identity_parts where object in (select object from removals);
insert into identity_parts by name from removal_parts;
create or replace temp table failures as
select * from problems where status = 'failure' and source_id is not null and object in (select object from removals);
create or replace temp view removal_footings as from footings where object in (select object from removals);
create or replace temp table settlements as from settlements_of('removal_footings');
delete from pending_retries where object in (select object from removals);
insert into pending_retries by name from pending_retry_rows('failures', 'settlements');
drop view removal_footings;
