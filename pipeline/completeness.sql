-- Which hours are known, and how well. Read after derived.sql.

-- vouched: what each stretch of time rests on, without the stretches that vouch for nothing.
create or replace view vouched as
select source, tenant_id, job_id, origin, since, settled_until, until, read_at
from coverage
where until > since;
