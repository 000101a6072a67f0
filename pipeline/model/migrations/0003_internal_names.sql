-- Renames internal tables and columns to the words of the field; the migrations replace the versions by hash.
alter table beats rename to background_jobs;
alter table background_jobs rename column beat to job;
alter table tokens rename column said_by to recorded_by;
alter table tokens rename column said_at to recorded_at;
drop table if exists schema_versions;
