-- Whom each account in an app was written for.

-- account_number(job_id, target_id, source_type): an account as a number, of objects of one kind.
create or replace macro account_number(job_id, target_id, source_type) as hash(job_id, target_id, source_type);

-- writer_rows(source): one row per account that events of a table wrote and object that it was written for, with the
-- columns of the table account_writers.
--   account_writers.*  as in the table
create or replace macro writer_rows(source) as table
select
    account_number(job_id, target_id, source_type) as account,
    job_id,
    target_id,
    source_type,
    source_id,
    max(app_name) as app_name,
    max(coalesce(upn, source_name, source_id)) as "name",
    min(occurred_at) as first_at,
    max(occurred_at) as last_at
from query_table(source)
where status in ('success', 'warning') and target_id is not null and source_type is not null and source_id is not null
group by job_id, target_id, source_type, source_id;

-- account_writer_fold(parts): one row per account and object of a table with the columns of account_writers, with those
-- columns.
--   account_writers.*  as in the table
create or replace macro account_writer_fold(parts) as table
select account, job_id, target_id, source_type, source_id, max(app_name) as app_name, max("name") as "name",
    min(first_at) as first_at, max(last_at) as last_at
from query_table(parts)
group by account, job_id, target_id, source_type, source_id;
