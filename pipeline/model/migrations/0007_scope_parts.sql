-- Counts the scoping clauses of events that were loaded before the table scope_parts was there.
-- after: model
-- unless: from scope_parts
-- by: day
insert into scope_parts by name select * from scope_rows('day_events');
