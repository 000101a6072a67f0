-- Classifies the skips of events that were loaded before the table skips was there.
-- after: model
-- unless: from skips
-- by: day
insert into skips by name select * from skip_rows('day_events');
