-- Creates the table of whom each account was written for.
create table if not exists account_writers (
    account ubigint,
    job_id varchar,
    target_id varchar,
    source_type varchar,
    source_id varchar,
    app_name varchar,
    "name" varchar,
    first_at timestamp,
    last_at timestamp
);
