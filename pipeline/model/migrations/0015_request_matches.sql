-- Creates the pairs of events and requests, what pairing knows of each day, and the days that wait for it: all that
-- there are. Until maintenance has paired them, each question pairs those that it asks about.
create table if not exists request_matches (
    event_id varchar,
    job_id varchar,
    cycle_id varchar,
    app_id varchar,
    occurred_at timestamp,
    "action" varchar,
    status varchar,
    exchange_id varchar,
    requested_at timestamp,
    "method" varchar,
    http_status integer,
    matched_by varchar,
    score double,
    apart_s double,
    skew_s double,
    skew_pairs bigint
);

-- How each app's clock stood on a day that is paired; offsets, where that day alone does not tell.
create table if not exists clock_days (
    app_id varchar,
    "day" timestamp,
    skew_s double,
    pairs bigint,
    offsets double[]
);

-- What says, on a day that is paired, that the requests under a path are an app's.
create table if not exists log_owner_hits (
    "day" timestamp,
    base varchar,
    app_id varchar,
    hits bigint
);

create table if not exists unpaired_days (
    "day" timestamp
);

insert into unpaired_days
select distinct date_trunc('day', occurred_at)
from (select occurred_at from events union all select occurred_at from exchanges)
where occurred_at is not null;
