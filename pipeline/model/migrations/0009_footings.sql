-- Records the changes of footing of events that were loaded before the table footings was there.
-- after: model
-- unless: from footings
-- by: day
create or replace temp table day_narrow as from narrow_events('day_events');
create or replace temp table day_facts as from step_facts_of('day_narrow');
create or replace temp table day_words as
select object, order_key, word, footing, removal, left_as, ends, account, "scope", true as is_stored
from spine_rows('day_narrow', 'day_facts')
where word is not null;
create or replace temp table earlier_footings as
select object, order_key, word from footings where object in (select object from day_words);
create or replace temp table day_changes as from footing_changes('day_words', 'earlier_footings');
insert into footings by name from footing_rows('day_events', 'day_changes');
