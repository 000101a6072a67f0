-- What a transaction's new events (the temporary table arriving, events' columns) add to the folds that pages read.
-- tests/test_fold.py recomputes the folds from all events and compares.

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
        named_of(occurred_at, event_id, upn, source_name) as named_key,
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

insert into cycle_parts
select
    job_id,
    cycle_id,
    max(app_name),
    min(occurred_at),
    max(occurred_at),
    count(*),
    count(*) filter (where status = 'success'),
    count(*) filter (where status = 'failure'),
    count(*) filter (where status = 'skipped'),
    count(*) filter (where status = 'warning'),
    sum(duration_ms),
    sum(retry_count),
    coalesce(list(distinct hash(source_id)) filter (where source_id is not null), []),
    count(distinct source_id)
from arriving
where cycle_id is not null
group by job_id, cycle_id;

insert into problems by name select * from problem_rows('arriving');

insert into skips by name select * from skip_rows('arriving');

insert into scope_parts by name select * from scope_rows('arriving');

insert into member_claims by name select * from member_rows('arriving');
