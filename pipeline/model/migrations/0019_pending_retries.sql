-- Creates the table of pending retries, and columns for what a failed attempt tells of the attempts before it.
create table if not exists pending_retries (
    object ubigint,
    job_id varchar,
    source_id varchar,
    first_key bigint,
    closed_key bigint,
    failed_at timestamp,
    opened_at timestamp,
    opened_from varchar,
    closed_at timestamp,
    attempts bigint,
    is_at_least boolean,
    retry_at timestamp,
    error_code varchar,
    is_reference boolean
);
alter table problems add column if not exists is_retry boolean;
alter table problems add column if not exists retry_number integer;
alter table problems add column if not exists pending_since timestamp;
