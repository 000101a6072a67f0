-- Adds the columns that the first stores lack, and removes what they derived by other recipes: it is filled in anew.
alter table job_snapshots add column if not exists template_id varchar;
alter table job_snapshots add column if not exists schedule_state varchar;
alter table job_snapshots add column if not exists activity_id varchar;
alter table job_snapshots add column if not exists entitled bigint;
alter table job_snapshots add column if not exists expected_exports bigint;
alter table job_snapshots add column if not exists progress_unit varchar;
alter table job_snapshots add column if not exists progress_at timestamp;
alter table job_snapshots add column if not exists last_good_at timestamp;
alter table job_snapshots add column if not exists steady_last_at timestamp;
alter table job_snapshots add column if not exists escrows_pruned boolean;
alter table job_snapshots add column if not exists tenant_actionable boolean;
alter table cycle_parts add column if not exists objects bigint;
alter table incidents add column if not exists job_id varchar;
alter table incidents add column if not exists tenant_id varchar;
alter table incidents add column if not exists owner varchar;
alter table incidents add column if not exists acknowledged_at timestamp;
alter table incidents add column if not exists snoozed_until timestamp;
alter table configurations add column if not exists skip_deletions boolean;
alter table configurations add column if not exists base_host varchar;
alter table permissions add column if not exists lost varchar;
alter table permissions add column if not exists remedy varchar;

delete from problems where fingerprint not like 'v1-%';
delete from skips where recipe <> 1;

drop view if exists wire_groups;
drop view if exists member_names;
