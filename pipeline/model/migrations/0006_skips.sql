-- Classifies the skips of events that were loaded before the table skips was there.
-- after: model
-- unless: from skips
-- by: day
create or replace temp table day_narrow as from narrow_events('day_events');
create or replace temp table day_facts as from step_facts_of('day_narrow');
insert into skips by name select * from skip_rows('day_narrow', 'day_facts');
