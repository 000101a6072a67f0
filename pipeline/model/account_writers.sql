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

-- accounts_passed_on(holders, as_of): one row per object of a table whose account Entra has since written for another
-- object, such as the same person hired again under another id: what the app shows of the account is no longer the first
-- one's. holders has object, job_id and source_id.
--   object  the object, by object_number
create or replace macro accounts_passed_on(holders, as_of) as table
select distinct o.object
from (
    select h.object, w.account, any_value(h.source_id) as source_id, max(w.last_at) as last_at
    from query_table(holders) h
    join account_writers w on w.job_id = h.job_id and w.source_id = h.source_id
    where w.first_at <= as_of
    group by h.object, w.account
) o
join account_writers n on n.account = o.account and n.source_id <> o.source_id
where n.last_at > o.last_at and n.first_at <= as_of;
