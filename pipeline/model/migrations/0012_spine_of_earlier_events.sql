-- Writes the spine of events that were loaded before the table event_spine was there.
-- after: model
-- by: day into event_spine
insert into event_spine by name select * from spine_rows('day_events');
