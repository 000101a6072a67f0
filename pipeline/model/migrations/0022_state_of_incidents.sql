-- Adds to each incident since which check it cannot be judged, and what is missing to judge it, and when people snoozed it, assigned it
-- and wrote its note.
alter table incidents add column if not exists unknown_since timestamp;
alter table incidents add column if not exists missing varchar;
alter table incidents add column if not exists snoozed_at timestamp;
alter table incidents add column if not exists assigned_at timestamp;
alter table incidents add column if not exists noted_at timestamp;
