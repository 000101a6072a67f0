-- Reads the members that events of groups name, of events that were loaded before the table member_claims was there.
-- after: model
-- unless: from member_claims
-- by: day
insert into member_claims by name select * from member_rows('day_events');
