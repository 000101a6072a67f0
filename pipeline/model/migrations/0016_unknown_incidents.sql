-- Adds to each incident since which check it cannot be judged, and what is missing to judge it.
alter table incidents add column if not exists unknown_since timestamp;
alter table incidents add column if not exists missing varchar;
