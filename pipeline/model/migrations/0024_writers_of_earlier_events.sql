-- Records whom accounts were written for by events that were loaded before the table account_writers was there.
-- after: model
-- unless: from account_writers
-- by: day
insert into account_writers by name select * from writer_rows('day_events');
