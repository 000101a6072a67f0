-- Fingerprints the failures of events that were loaded before the table problems was there.
-- after: model
-- unless: from problems
-- by: day
insert into problems by name select * from problem_rows('day_events');
