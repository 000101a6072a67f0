-- Adds the changes that apps rejected before there was a table of them.
-- after: model
delete from rejected_changes;
insert into rejected_changes by name from rejections() order by occurred_at, event_id;
