-- Creates the jobs that a newer job of the same app replaced, and what of theirs the newer ones have handled.
create table if not exists job_successors (
    job_id varchar,
    replaced_by varchar,
    replaced_at timestamp
);
create table if not exists taken_over (
    job_id varchar,
    source_id varchar,
    taken_over_at timestamp
);
