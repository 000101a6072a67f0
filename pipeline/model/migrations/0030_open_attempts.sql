-- Adds what identity_parts show of the newest event that found an object out of scope.
alter table identity_parts add column if not exists out_key bigint;
