-- Counts the cycles of events that were loaded before the table cycle_parts was there.
-- after: model
-- unless: from cycle_parts
-- by: day
insert into cycle_parts by name select * from cycle_rows('day_events');
