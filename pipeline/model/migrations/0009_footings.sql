-- Records the changes of footing of events that were loaded before the table footings was there.
-- after: model
-- unless: from footings
-- by: day
create or replace temp table day_words as select * exclude (occurred_at), 1 as rank from footing_words('day_events');
-- With rank 0 the changes of earlier days, which those of this day are compared with.
insert into day_words
select object, order_key, footing_word(footing, left_as, ends, skip_reason), footing, removal, left_as, ends, 0
from (select *, object_number(job_id, source_id) as object from footings)
where object in (select object from day_words);
create or replace temp table day_changes as from footing_changes('day_words');
insert into footings by name from footing_rows('day_events', 'day_changes');
