-- Adds the log that a request stands in, by which two apps' requests are told apart, and how many lines of a file were
-- passed over. What an earlier version took for requests and is none goes: page views beside SCIM requests, and service
-- lines. A path counts by its last collection.
alter table exchanges add column if not exists "log" varchar;
alter table log_owner_hits add column if not exists "log" varchar;
alter table files add column if not exists passed_over bigint;

create or replace temp table earlier_paths as
select exchange_id, occurred_at, resource_type, resource_id, parts[-1] as last_part, parts[-2] as part_before, "path"
from (
    select *, string_split(rtrim("path", '/'), '/') as parts
    from exchanges
    where resource_type is null or "path" is null
        or not regexp_matches("path", '/(Users|Groups)(/[^/]*)?$')
        or regexp_matches("path", '(?i)/groups/.*/users')
);

create or replace temp table earlier_resources as
select
    exchange_id,
    occurred_at,
    case lower(coalesce(named_last, named_before))
        when 'users' then 'User' when 'me' then 'User' when 'groups' then 'Group' when 'schemas' then 'Schema'
        when 'resourcetypes' then 'ResourceType' when 'bulk' then 'Bulk'
        when 'serviceproviderconfig' then 'ServiceProviderConfig'
        when 'serviceproviderconfigs' then 'ServiceProviderConfig' end as resource_type,
    case when named_last is null then last_part end as resource_id
from (
    select
        *,
        case when regexp_matches(last_part, collections)
            or regexp_matches("path", '(?i)scim') and regexp_matches(last_part, '(?i)' || collections)
            then last_part end as named_last,
        case when regexp_matches(part_before, collections)
            or regexp_matches("path", '(?i)scim') and regexp_matches(part_before, '(?i)' || collections)
            then part_before end as named_before
    from earlier_paths
    cross join (
        select '^(Users|Groups|Schemas|ResourceTypes|ServiceProviderConfigs?|Bulk|Me)$' as collections
    )
);

insert into unpaired_days
select distinct date_trunc('day', r.occurred_at)
from earlier_resources r
join exchanges x on x.exchange_id = r.exchange_id and x.occurred_at = r.occurred_at
where r.resource_type is distinct from x.resource_type;

update exchanges
set resource_type = r.resource_type, resource_id = r.resource_id,
    operation = case
        when exchanges."method" <> 'GET' and exchanges.operation in ('members', 'update') then 'update'
        when exchanges."method" = 'GET' and exchanges."filter" is null
            then case when r.resource_id is null then 'list' else 'read' end
        else exchanges.operation end
from earlier_resources r
where r.exchange_id = exchanges.exchange_id and r.occurred_at = exchanges.occurred_at
    and r.resource_type = 'User' and exchanges.resource_type = 'Group';

delete from exchanges
where exists (
    select 1 from earlier_resources r
    where r.exchange_id = exchanges.exchange_id and r.occurred_at = exchanges.occurred_at and r.resource_type is null
);

drop table temp.earlier_resources;
drop table temp.earlier_paths;
