-- Adds what was counted of the contents that another one replaced under the same name, as of logs that are rotated. The counts of those that
-- were replaced before are lost: what the store holds beyond all counts of the ledger is taken for theirs.
create table if not exists replaced_files (
    "file" varchar,
    source varchar,
    contents bigint,
    lines bigint,
    kept bigint,
    duplicates bigint,
    rejects bigint,
    unfamiliar bigint,
    passed_over bigint,
    replaced_at timestamp
);
insert into replaced_files by name
with stored as (
    select 'graph' as source, ['graph', 'diagnostic', 'log_analytics', 'portal'] as alike, count(*) as "rows" from events
    union all
    select 'scim', ['scim', 'scim_pairs', 'access_log'], count(*) from exchanges
    union all
    select 'jobs', ['jobs'], count(*) from job_snapshots
), counted as (
    select
        s.source,
        any_value(s."rows") as "rows",
        coalesce(sum(f.kept + f.duplicates), 0)::bigint as seen,
        count(f."file") as known
    from stored s
    left join files f on list_contains(s.alike, f.source)
    group by s.source
)
select '' as "file", source, 1 as contents, "rows" - seen as lines, "rows" - seen as kept, 0 as duplicates, 0 as rejects,
    0 as unfamiliar, 0 as passed_over, now()::timestamp as replaced_at
from counted
where "rows" > seen and known > 0;
