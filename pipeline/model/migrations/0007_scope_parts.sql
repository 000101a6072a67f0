-- Counts the scoping clauses of events that were loaded before the table scope_parts was there.
-- after: model
-- unless: from scope_parts
-- by: day
create or replace temp table day_narrow as from narrow_events('day_events');
create or replace temp table day_facts as from step_facts_of('day_narrow');
insert into scope_parts by name select * from scope_rows('day_narrow', 'day_facts');
