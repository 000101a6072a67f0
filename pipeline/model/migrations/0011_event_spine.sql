-- Creates the event spine, and columns for what was computed anew at every question: the object's number, the footing
-- as a number.
create table if not exists event_spine (
    occurred_at timestamp,
    object ubigint,
    order_key bigint,
    job_id varchar,
    cycle_id varchar,
    state varchar,
    benign boolean,
    word ubigint,
    footing varchar,
    removal varchar,
    left_as varchar,
    ends varchar,
    account varchar,
    scope varchar
);
alter table footings add column if not exists object ubigint;
alter table footings add column if not exists word ubigint;
alter table problems add column if not exists object ubigint;
alter table skips add column if not exists object ubigint;
alter table identity_parts add column if not exists object ubigint;
