-- Which groups are looked at, and what the app was asked about them.

-- group_calls(as_of): one row per SCIM request about a group until an instant, with its app as far as that can be
-- decided; without the bodies, which are read of the chosen groups only.
--   exchange_id  the request
--   occurred_at  when
--   resource_id  the group's id in the app
--   app_id       the app; null where whose request it is is unknown
--   method       the method
--   http_status  the answer
create or replace macro group_calls(as_of) as table
select exchange_id, occurred_at, resource_id, app_id, "method", http_status
from app_requests(timestamp '1970-01-01', as_of::timestamp + interval 1 microsecond)
where resource_type = 'Group' and resource_id is not null;

-- request_groups(group_calls): one row per group that requests are about, by its id in the app; an app's log need not
-- name the job.
--   resource_id  the id in the app
--   app_id       the app; null where whose requests they are is unknown
--   job_id       the job
--   group_id     the id in Entra, else in the app
--   object       the group, by object_number
--   requests     requests about it
--   failed       requests that failed
--   taken        requests that may take members out
create or replace macro request_groups(group_calls) as table
with target_ids as materialized (
    -- Whose an id in the app is. Only what any part calls a group is folded: groups are few beside people.
    select lower(t.target_id) as target_id, t.job_id, any_value(t.source_id) as source_id, any_value(j.app_id) as app_id,
        count(*) over (partition by lower(t.target_id)) = 1 as is_only
    from (
        select job_id, source_id, arg_max(target_id, target_key) as target_id
        from identity_parts
        where source_id in (select source_id from identity_parts where lower(source_type) = 'group')
        group by job_id, source_id
        having lower(arg_max_null(source_type, named_key)) = 'group'
    ) t
    left join job_apps j on j.job_id = t.job_id
    where t.target_id is not null
    group by lower(t.target_id), t.job_id
)
-- The group that requests are about, by its id in the app; an app's log need not name the job. An id that two apps have
-- is the group of the app whose request it is. Counted before they are joined.
select
    x.resource_id,
    x.app_id,
    h.job_id,
    coalesce(h.source_id, x.resource_id) as group_id,
    object_number(h.job_id, coalesce(h.source_id, x.resource_id)) as object,
    x.requests,
    x.failed,
    x.taken
from (
    select resource_id, app_id, count(*) as requests, count(*) filter (where http_status >= 300) as failed,
        count(*) filter (where "method" in ('PUT', 'DELETE')) as taken
    from query_table(group_calls)
    group by all
) x
left join target_ids h on h.target_id = lower(x.resource_id)
    and (h.app_id = x.app_id or h.is_only and (h.app_id is null or x.app_id is null));

-- shrunk_groups(group_calls, request_groups, taken_since, as_of): one row per group out of which somebody may have been
-- taken, by an event or by a request. Nothing is read for it unless it was asked for.
--   object  the group, by object_number
create or replace macro shrunk_groups(group_calls, request_groups, taken_since, as_of) as table
select object_number(job_id, source_id) as object
from member_claims
where taken_since > timestamp '-infinity' and occurred_at > taken_since and occurred_at <= as_of and op = 'remove'
union
select a.object
from query_table(group_calls) c
join query_table(request_groups) a on a.resource_id = c.resource_id and a.app_id is not distinct from c.app_id
where taken_since > timestamp '-infinity'
    and c.occurred_at > taken_since
    and (c."method" in ('PUT', 'POST', 'DELETE') or c.exchange_id in (
        select exchange_id
        from exchanges
        where taken_since > timestamp '-infinity' and occurred_at > taken_since and occurred_at <= as_of
            and resource_type = 'Group' and "method" = 'PATCH' and regexp_matches(request_body, '(?i)remove|replace')));

-- chosen_groups(group_calls, request_groups, as_of, only_group, only_job, only_tenant, most, taken_since): one row per
-- group that group_records looks at, by its parameters.
--   job_id    the job
--   group_id  the id in Entra, else in the app
--   object    the group, by object_number
--   claims    how often events name members
create or replace macro chosen_groups(
    group_calls, request_groups, as_of, only_group, only_job, only_tenant, most, taken_since
) as table
with shrunk as materialized (
    from shrunk_groups(group_calls, request_groups, taken_since, as_of)
)
select job_id, group_id, object_number(job_id, group_id) as object, sum(claims) as claims
from (
    select job_id, source_id as group_id, claims, case when op = 'unresolved' then claims else 0 end as unresolved,
        case when status = 'failure' then claims else 0 end as failed,
        case when op = 'remove' then claims else 0 end as taken
    from (
        select job_id, source_id, op, status, count(*) as claims
        from member_claims
        where occurred_at <= as_of and (only_group = '' or source_id = only_group)
        group by all
    )
    union all
    select job_id, group_id, 0, 0, failed, taken
    from query_table(request_groups)
    where only_group = '' or group_id = only_group
)
where (only_job = '' or job_id = only_job)
    and (only_tenant = '' or job_id in (from jobs_of_tenant(only_tenant)))
    and (taken_since = timestamp '-infinity' or object_number(job_id, group_id) in (from shrunk))
group by job_id, group_id
order by sum(unresolved) > 0 desc, sum(unresolved + failed) desc, sum(taken) desc, group_id, job_id
limit most;

-- group_requests(request_groups, chosen_groups, as_of): one row per request about one of the chosen groups: what it did,
-- or the members in its answer. 'embers' is in either spelling of them and cheap to look for. A list of ids that was
-- filtered has DuckDB look for them while it reads, so that it does not unpack the bodies of the others; hence
-- requests > 0 here and claims > 0 in group_operations, which say nothing new.
--   object          the group, by object_number
--   exchange_id     the request
--   occurred_at     when
--   http_status     the answer
--   operations      what it did to members
--   listed_members  the members in the answer, as JSON
create or replace macro group_requests(request_groups, chosen_groups, as_of) as table
select
    a.object,
    x.exchange_id,
    x.occurred_at,
    x.http_status,
    case x."method"
        when 'DELETE' then [{'op': 'delete', 'members': []::varchar[]}]
        when 'POST' then [{'op': 'create', 'members': []::varchar[]}] || body_members(x."method", x.request_body)
        when 'PATCH' then body_members(x."method", x.request_body)
        when 'PUT' then body_members(x."method", x.request_body)
        else []
    end as operations,
    case
        when x."method" = 'GET' and x.http_status = 200 and contains(x.response_body, 'embers')
            and json_valid(x.response_body) then members_within(x.response_body::json)
    end as listed_members
from app_requests(timestamp '1970-01-01', as_of::timestamp + interval 1 microsecond) x
join (
    from query_table(request_groups) where requests > 0 and object in (select object from query_table(chosen_groups))
) a on a.resource_id = x.resource_id and a.app_id is not distinct from x.app_id
where x.resource_type = 'Group';

-- group_operations(chosen_groups, requests, as_of): one row per operation on the members of a chosen group, by an event
-- or by one of group_requests. What a unit, an event or a request, says before it replaces or empties the group counts
-- for nothing.
--   object         the group, by object_number
--   occurred_at    when
--   source         event or wire
--   ref            the event or the request
--   outcome        done, refused, failed or unknown
--   ordinal        the place within the event or request
--   op             add, remove, replace, empty, create, delete or unresolved
--   members        whom it names
--   unit           the place of the event or request among those of the group
--   reset_ordinal  the last operation of the unit that left nothing of before
--   names_some     whether the unit names members that could not be resolved
create or replace macro group_operations(chosen_groups, requests, as_of) as table
with all_operations as (
    select
        object_number(job_id, source_id) as object,
        occurred_at,
        'event' as source,
        event_id as ref,
        case when status = 'failure' then 'failed' else 'done' end as outcome,
        -- An event that takes an id out and puts the same member in by another means the latter.
        case when op = 'remove' then 0 else 1 end as ordinal,
        op,
        list("member") as members
    from member_claims
    where occurred_at <= as_of and source_id in (select group_id from query_table(chosen_groups) where claims > 0)
        and object_number(job_id, source_id) in (select object from query_table(chosen_groups))
    group by object, occurred_at, event_id, status, op
    union all
    select object, occurred_at, 'wire', exchange_id, outcome, ordinal, operation.op, operation.members
    from (
        select
            object,
            occurred_at,
            exchange_id,
            case when http_status between 200 and 299 then 'done' when http_status is null then 'unknown'
                else 'refused' end as outcome,
            generate_subscripts(operations, 1) as ordinal,
            unnest(operations) as operation
        from query_table(requests)
    )
)
select
    *,
    max(case when op in ('replace', 'empty', 'delete', 'create') then ordinal end) over one as reset_ordinal,
    bool_or(op = 'unresolved') over one as names_some
from (select *, dense_rank() over (partition by object order by occurred_at, ref) as unit from all_operations)
window one as (partition by object, unit);
