-- What the events of one cycle count, added up from the rows that each transaction left.

-- cycle_rows(source): one row per cycle among the events of a table, with the columns of the table cycle_parts.
--   cycle_parts.*  as in the table
create or replace macro cycle_rows(source) as table
select *, len(object_keys) as objects
from (
    select
        job_id,
        cycle_id,
        max(app_name) as app_name,
        min(occurred_at) as began_at,
        max(occurred_at) as ended_at,
        count(*) as events,
        count(*) filter (where status = 'success') as succeeded,
        count(*) filter (where status = 'failure') as failed,
        count(*) filter (where status = 'skipped') as skipped,
        count(*) filter (where status = 'warning') as warnings,
        sum(duration_ms) as worked_ms,
        sum(retry_count) as retries,
        coalesce(list(distinct hash(source_id)) filter (where source_id is not null), []) as object_keys
    from query_table(source)
    where cycle_id is not null
    group by job_id, cycle_id
);

-- cycle_fold(parts): one row per cycle of a table with the columns of cycle_parts, with those columns.
--   cycle_parts.*  as in the table
create or replace macro cycle_fold(parts) as table
select * exclude (object_lists), list_distinct(flatten(object_lists)) as object_keys,
    len(list_distinct(flatten(object_lists)))::bigint as objects
from (
    select
        job_id,
        cycle_id,
        max(app_name) as app_name,
        min(began_at) as began_at,
        max(ended_at) as ended_at,
        sum(events)::bigint as events,
        sum(succeeded)::bigint as succeeded,
        sum(failed)::bigint as failed,
        sum(skipped)::bigint as skipped,
        sum(warnings)::bigint as warnings,
        sum(worked_ms)::bigint as worked_ms,
        sum(retries)::bigint as retries,
        list(object_keys) as object_lists
    from query_table(parts)
    group by job_id, cycle_id
);
