-- Writes the pending retries of events that were loaded before the table pending_retries was there.
-- after: model
-- unless: from pending_retries
create or replace temp table failures as from problems where status = 'failure' and source_id is not null;
create or replace temp table settlements as select object, order_key from footings where footing <> 'problem';
insert into pending_retries by name from pending_retry_rows('failures', 'settlements');
