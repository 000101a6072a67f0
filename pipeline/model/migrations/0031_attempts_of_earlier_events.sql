-- Adds, of objects that were skipped last and not as expected, which attempt failed and what settled it before.
-- after: model
create or replace temp table held_objects as
select object
from identity_parts
group by object
having arg_max(state, state_key) = 'skipped' and not arg_max(benign, state_key);
create or replace temp table held_spines as
select
    object,
    max(order_key) filter (where footing in ('in', 'gone')) as settled_key,
    max(order_key) filter (where footing = 'out') as out_key,
    max(order_key) filter (where state = 'failing') as failed_key
from event_spine
where object in (from held_objects)
group by object
having failed_key is not null;
create or replace temp table held_parts as
select p.* replace (
    s.settled_key as settled_key, s.failed_key as failed_key, c.code as failed_error, s.out_key as out_key)
from identity_parts p
join held_spines s on s.object = p.object
left join (
    select object, order_key, any_value(code) as code
    from problems
    where status = 'failure' and object in (from held_objects)
    group by object, order_key
) c on c.object = s.object and c.order_key = s.failed_key;
delete from identity_parts where object in (select object from held_parts);
insert into identity_parts by name from held_parts;
