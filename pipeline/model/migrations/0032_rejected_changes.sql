-- Creates the changes that Entra calls done and the app's own log answers with an error.
create table if not exists rejected_changes (
    object ubigint,
    order_key bigint,
    event_id varchar,
    job_id varchar,
    app_id varchar,
    app_name varchar,
    source_id varchar,
    source_type varchar,
    "name" varchar,
    "action" varchar,
    occurred_at timestamp,
    exchange_id varchar,
    requested_at timestamp,
    rejected_at timestamp,
    "method" varchar,
    http_status integer,
    settled_at timestamp
);
