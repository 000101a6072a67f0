-- Adds what identity_parts show of a disable or delete that failed.
alter table identity_parts add column if not exists removal_key bigint;
alter table identity_parts add column if not exists settled_key bigint;
alter table identity_parts add column if not exists failed_key bigint;
alter table identity_parts add column if not exists failed_error varchar;
