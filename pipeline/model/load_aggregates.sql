-- What a transaction adds to the aggregates that pages read: its new events are the temporary table arriving.
-- tests/model/test_load_aggregates.py recomputes them from all events and compares. A part that begins with a condition
-- adds nothing where that is false, and is then left out (ingest/aggregates.py).

-- First the spine. Footings change where an object's word is another than the one before, stored or arriving. An event
-- that arrives after later ones of its object may take the word before them away; then the next of these is looked at
-- again, and no other. What is looked up is as many numbers as arrive, however much is stored.
create or replace temp table arriving_narrow as from narrow_events('arriving');
create or replace temp table arriving_facts as from step_facts_of('arriving_narrow');
create or replace temp table arriving_spine as from spine_rows('arriving_narrow', 'arriving_facts');
create or replace temp table arriving_words as
select object, order_key, word, footing, removal, left_as, ends, account, "scope", false as is_stored, state
from arriving_spine
where word is not null;
create or replace temp table earlier_footings as
select object, order_key, word, occurred_at, removal, footing, status
from footings
where object in (select object from arriving_words);
create or replace temp table gaps as from footing_gaps('arriving_words', 'earlier_footings');
-- Where there are none, no file reaches as far.
set variable gaps_since = (select coalesce(min(since), 9223372036854775807) from gaps);
set variable gaps_until = (select max(until) from gaps);
create or replace temp table following_words as
select s.object, s.order_key, s.word, s.footing, s.removal, s.left_as, s.ends, s.account, s."scope", true as is_stored,
    s.state
from gaps g
asof join (
    select *
    from event_spine
    where order_key > getvariable('gaps_since') and order_key < getvariable('gaps_until')
        and word is not null and object in (select object from gaps)
) s on s.object = g.object and g.since < s.order_key
where s.order_key < g.until;
insert into arriving_words from following_words;
create or replace temp table changed_footings as from footing_changes('arriving_words', 'earlier_footings');
create or replace temp table changed_late as from changed_footings where is_stored;
set variable late_since = (
    select coalesce(make_timestamp((min(order_key) // 2147483648) * 1000000), timestamp 'infinity') from changed_late);
set variable late_until = (select make_timestamp((max(order_key) // 2147483648) * 1000000) from changed_late);
insert into footings by name
from footing_rows('arriving', 'changed_footings')
union all by name
from footing_rows('events', 'changed_late')
where occurred_at between getvariable('late_since') and getvariable('late_until');
create or replace temp table repeated_footings as from footing_repeats('arriving_words', 'earlier_footings');
set variable repeated_since = (select coalesce(min(occurred_at), timestamp 'infinity') from repeated_footings);
set variable repeated_until = (select max(occurred_at) from repeated_footings);
delete from footings
where occurred_at between getvariable('repeated_since') and getvariable('repeated_until')
    and (object, order_key) in (select (object, order_key) from repeated_footings);
insert into event_spine by name from arriving_spine;

create or replace temp view arriving_identities as from identity_events('arriving', 'arriving_spine');
insert into identity_parts by name from identity_fold('arriving_identities', true);

insert into account_writers by name select * from writer_rows('arriving');

create or replace temp view arriving_hours as from hourly_events('arriving');
insert into hourly_parts by name from hourly_fold('arriving_hours');

insert into cycle_parts by name select * from cycle_rows('arriving');

-- only where exists (from arriving where is_problem(status, is_benign(status, skip_reason, error_code)))
-- or exists (from pending_retries where object in (select object from arriving_words)):
-- Problems and pending retries. These are made anew from the first that a batch may change to what settles the last:
-- other failures of its objects are not read.
create or replace temp table arriving_problems as from problem_rows('arriving');
insert into problems by name from arriving_problems;
create or replace temp view present_footings as
select c.object, c.order_key, c.footing, c.removal, case when w.state = 'failing' then 'failure' end as status
from changed_footings c
join arriving_words w using (object, order_key)
union all
select object, order_key, footing, removal, status from earlier_footings anti join repeated_footings using (object, order_key);
create or replace temp table settlements as from settlements_of('present_footings');
create or replace temp table stored_retries as
from pending_retries
where object in (
    select object from arriving_problems where status = 'failure'
    union all
    select object from changed_footings where footing <> 'problem'
    union all
    select object from repeated_footings);
create or replace temp table changed_retries as
from retry_changes('arriving_problems', 'settlements', 'changed_footings', 'repeated_footings', 'stored_retries');
set variable retries_since = (select coalesce(min(since), 9223372036854775807) from changed_retries);
set variable retries_until = (select max(until) from changed_retries);
create or replace temp table failures as
select p.object, p.job_id, p.source_id, p.order_key, p.occurred_at, p.code, p.retry_at, p.is_reference, p.is_retry,
    p.retry_number, p.pending_since
from problems p
join changed_retries c on c.object = p.object and p.order_key >= c.since and p.order_key < c.until
where p.order_key >= getvariable('retries_since') and p.order_key < getvariable('retries_until')
    and p.status = 'failure';
create or replace temp table retries_anew as from pending_retry_rows('failures', 'settlements');
create or replace temp table retries_before as
select p.*
from stored_retries p
join changed_retries c on c.object = p.object and p.first_key >= c.since and p.first_key < c.until;
create or replace temp table retries_over as from retries_before except from retries_anew;
delete from pending_retries where (object, first_key) in (select (object, first_key) from retries_over);
insert into pending_retries by name (from retries_anew except from retries_before);

-- only where exists (from arriving where status = 'skipped'):
insert into skips by name select * from skip_rows('arriving_narrow', 'arriving_facts');

-- only where exists (from arriving_narrow where is_scoping):
insert into scope_parts by name select * from scope_rows('arriving_narrow', 'arriving_facts');

-- only where exists (from arriving where lower(source_type) = 'group'):
insert into member_claims by name select * from member_rows('arriving');

-- in any case:
insert into unpaired_days from days_to_pair('arriving');
