-- Adds to footings of before what they show of account and scope, and makes one row of many in identity_parts.
-- after: model
update footings
set account = s.account, "scope" = s."scope"
from event_spine s
where footings.object = s.object and footings.order_key = s.order_key;
create or replace temp table folded_parts as from identity_fold('identity_parts', true);
delete from identity_parts;
insert into identity_parts by name select * from folded_parts order by job_id, source_id;
drop table folded_parts;
