-- What a transaction adds to the aggregates that pages read: its new events are the temporary table arriving.
-- tests/model/test_load_aggregates.py recomputes them from all events and compares.

-- First, while identity_parts does not know the arriving events: an object's events may arrive after later ones of it.
-- Those later ones are looked at again, since one that repeated the word before it may say otherwise now.
set variable arriving_since = (select min(occurred_at) from arriving);
create or replace temp table late_objects as
select object_number(a.job_id, a.source_id) as object, any_value(a.first_at) as first_at
from (select job_id, source_id, min(occurred_at) as first_at from arriving where source_id is not null group by all) a
join identity_parts i on i.job_id is not distinct from a.job_id and i.source_id = a.source_id
where i.last_event_at >= getvariable('arriving_since')
group by a.job_id, a.source_id
having max(i.last_event_at) >= any_value(a.first_at);
-- Where there are none, no file reaches as far.
set variable late_since = (select coalesce(min(first_at), timestamp 'infinity') from late_objects);
create or replace temp table arriving_footings as select * exclude (occurred_at), 1 as rank from footing_words('arriving');
insert into arriving_footings
select * exclude (occurred_at), 2
from footing_words('events')
where occurred_at >= getvariable('late_since') and object in (select object from late_objects);
insert into arriving_footings
select object, order_key, footing_word(footing, left_as, ends, skip_reason), footing, removal, left_as, ends, 0
from (select *, object_number(job_id, source_id) as object from footings)
where object in (select object from arriving_footings);
create or replace temp table changed_footings as from footing_changes('arriving_footings');
create or replace temp table changed_late as from changed_footings where rank = 2;
insert into footings by name
from footing_rows('arriving', 'changed_footings')
union all by name
from footing_rows('events', 'changed_late')
where occurred_at >= getvariable('late_since');

insert into identity_parts
select
    job_id,
    source_id,
    max(named_key),
    arg_max_null(app_name, named_key),
    arg_max_null(source_type, named_key),
    arg_max_null(upn, named_key),
    arg_max_null(source_name, named_key),
    max(order_key) filter (where target_id is not null),
    arg_max(target_id, order_key),
    max(occurred_at),
    max(order_key) filter (where state is not null),
    arg_max(state, order_key) filter (where state is not null),
    arg_max(benign, order_key) filter (where state is not null),
    arg_max_null(error_code, order_key) filter (where state is not null),
    max(occurred_at) filter (where status = 'success' or state = 'in_sync'),
    count(*) filter (where status in ('success', 'failure')),
    count(*) filter (where status = 'failure'),
    count(*) filter (where benign)
from (
    select
        *,
        order_of(occurred_at, event_id) as order_key,
        named_order(occurred_at, event_id, upn, source_name) as named_key,
        state_of("action", status, skip_reason) as state,
        is_benign(status, skip_reason, error_code) as benign
    from arriving
)
where source_id is not null
group by job_id, source_id;

insert into hourly_parts
select
    date_trunc('hour', occurred_at),
    tenant_id,
    job_id,
    max(app_name),
    "action",
    status,
    is_benign(status, skip_reason, error_code),
    error_code,
    last_step,
    count(*),
    sum(duration_ms)
from arriving
group by all;

insert into cycle_parts by name select * from cycle_rows('arriving');

insert into problems by name select * from problem_rows('arriving');

insert into skips by name select * from skip_rows('arriving');

insert into scope_parts by name select * from scope_rows('arriving');

insert into member_claims by name select * from member_rows('arriving');
