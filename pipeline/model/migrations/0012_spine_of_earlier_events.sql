-- Writes the spine of events that were loaded before the table event_spine was there.
-- after: model
-- by: day into event_spine
create or replace temp table day_narrow as from narrow_events('day_events');
create or replace temp table day_facts as from step_facts_of('day_narrow');
insert into event_spine by name select * from spine_rows('day_narrow', 'day_facts');
