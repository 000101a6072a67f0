-- Adds to each evaluation of a rule how many apps it had to check, of how many data was missing, and how many had nothing to check.
alter table rule_runs add column if not exists apps bigint;
alter table rule_runs add column if not exists unchecked bigint;
alter table rule_runs add column if not exists unwatched bigint;
