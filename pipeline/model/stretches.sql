-- Stretches of time that were read, and of whom.

-- valid_coverage: one row per stretch of time that a reading covers, without empty ones. Where maintenance dropped old
-- rows, a line of the source forgotten holds up to when: before that nothing is covered any more.
--   coverage.*  as in the table; since is never before what was forgotten
create or replace view valid_coverage as
select
    c.source,
    c.tenant_id,
    c.job_id,
    c.origin,
    greatest(c.since, c.forgotten_until) as since,
    c.settled_until,
    c.until,
    c.read_at
from (
    select *, coalesce(max(until) filter (where source = 'forgotten') over (), timestamp '1970-01-01') as forgotten_until
    from coverage
) c
where c.until > greatest(c.since, c.forgotten_until) and c.source <> 'forgotten';

-- record_kind(source): the kind of record that a source brings. Sources of one kind make up for each other: what a
-- container lacks, a poll may have.
create or replace macro record_kind(source) as
    case
        when source = 'jobs' then 'jobs'
        when source in ('scim', 'scim_pairs', 'access_log') then 'exchanges'
        else 'events'
    end;

-- stretches: one row per unbroken stretch of time that is covered for one job, or for all jobs of a tenant, with those
-- that meet or overlap made one. Settled ones end where nothing more is expected, the others where late records may
-- still come.
--   source     events, jobs (their status) or exchanges (SCIM requests)
--   tenant_id  the tenant
--   job_id     the job; null for all of the tenant
--   settled    whether nothing more is expected
--   since      where it begins
--   until      where it ends
create or replace view stretches as
select source, tenant_id, job_id, settled, min(since) as since, max(until) as until
from (
    select
        * exclude (begins),
        sum(begins::integer) over (
            partition by source, tenant_id, job_id, settled order by since, until rows unbounded preceding) as island
    from (
        select
            *,
            coalesce(since > max(until) over (partition by source, tenant_id, job_id, settled order by since, until
                rows between unbounded preceding and 1 preceding), true) as begins
        from (
            select
                record_kind(c.source) as source,
                c.tenant_id,
                c.job_id,
                k.settled,
                c.since,
                if(k.settled, c.settled_until, c.until) as until
            from valid_coverage c
            cross join (select unnest([false, true]) as settled) k
            where not k.settled or c.settled_until > c.since
        )
    )
)
group by source, tenant_id, job_id, settled, island;

-- subjects: one row per subject whose hours are covered or not: each job, as each tenant's logs name it, and each
-- tenant's SCIM requests.
--   source     events, jobs (their status) or exchanges (SCIM requests)
--   tenant_id  the tenant; null where the log names none
--   job_id     the job; null for SCIM requests
create or replace view subjects as
select 'events' as source, tenant_id, job_id from hourly_parts where job_id is not null
union
select unnest(['events', 'jobs']), tenant_id, job_id from (select distinct tenant_id, job_id from job_snapshots)
union
select record_kind(source), tenant_id, job_id
from coverage
where source <> 'forgotten' and (job_id is not null or record_kind(source) = 'exchanges');
