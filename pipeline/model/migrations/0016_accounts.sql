-- Adds to each object what its account is, whether it is in scope and when it was seen under its names, and to each
-- footing what it shows of both.
alter table identity_parts add column if not exists first_event_at timestamp;
alter table identity_parts add column if not exists account_key bigint;
alter table identity_parts add column if not exists account varchar;
alter table identity_parts add column if not exists present_key bigint;
alter table identity_parts add column if not exists scope_key bigint;
alter table identity_parts add column if not exists in_scope boolean;
alter table footings add column if not exists account varchar;
alter table footings add column if not exists "scope" varchar;
