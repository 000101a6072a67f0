-- Adds to each incident the incident that caused it; null for a root cause. The next check fills it in for those that are open.
alter table incidents add column if not exists explained_by varchar;
