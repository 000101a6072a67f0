-- Who was to go, and whether they went.

-- leaver_cases(as_of, only_kind, unended): one row per time that somebody was to be taken out of an app, as of an
-- instant, exclusive: from the first event that shows it until it is done, or called off because both sides match
-- again with the account in use. A skip for want of entitlement ends nothing: Entra stops trying, and the account
-- stays as it is. It starts with the first event whose import shows that somebody left, where one came before the
-- first request; what came before that is not stored. only_kind: of those alone for whom such a removal was asked at
-- some time; unended: of those alone that nothing has ended since.
--   job_id         the job
--   source_id      the object's id in Entra
--   tenant_id      the tenant
--   app_id         the app's service principal
--   app_name       the app's name
--   name           the UPN, else the display name, else the id
--   target_id      the object's id in the app
--   kind           disable, delete or stagedDelete, by the newest request
--   outcome        done, called off, held back or open
--   started_at     since when the store shows it
--   started_from   trigger (an import) or event (the first request)
--   left_as        why Entra removes the person; null where no step shows it
--   asked_at       the first request
--   last_asked_at  the newest request
--   staged_at      the first staged delete
--   ended_at       when it was done or called off
--   took_s         seconds until then, or until as_of
--   requests       how often it was asked for
--   failures       how often that failed
--   event_id       the newest event
--   last_event_at  its time
--   status         its status
--   error_code     its error
--   skip_reason    its reason, where it was skipped
--   reason         its text
--   retry_at       when Entra tries again
--   was_gone       whether the account was disabled or deleted already, and nothing has shown it in use since: a deletion
--                  that follows a disable leaves nobody with access; nor does what another job of the app has done since
create or replace macro leaver_cases(as_of, only_kind := '', unended := false) as table
with leaver_objects as (
    select object, source_id
    from (
        select
            object,
            any_value(source_id) as source_id,
            bool_or(removal is not null and (only_kind = '' or removal = only_kind)) as was_asked,
            coalesce(max(order_key) filter (where ends is null), -1)
                > coalesce(max(order_key) filter (where ends is not null), -1) as is_open
        from footings
        where occurred_at < as_of and lower(coalesce(source_type, '')) <> 'group'
            and (removal is not null or unended and ends is not null)
        group by object
    )
    where was_asked and (is_open or not unended)
), runs as (
    select
        *,
        count(ends) over before as run,
        last_value(ends ignore nulls) over before as ended_before
    from footings
    -- By both, since the file itself holds the one: DuckDB then reads few rows where few are wanted.
    semi join leaver_objects using (object, source_id)
    where occurred_at < as_of
    window before as (
        partition by object order by order_key rows between unbounded preceding and 1 preceding)
), cases as (
    select
        any_value(job_id) as job_id,
        any_value(source_id) as source_id,
        arg_max(tenant_id, order_key) as tenant_id,
        arg_max(app_id, order_key) as app_id,
        coalesce(arg_max(app_name, order_key), job_label(any_value(job_id))) as app_name,
        coalesce(arg_max("name", order_key), any_value(source_id)) as "name",
        arg_max(target_id, order_key) as target_id,
        arg_max(removal, order_key) filter (where removal is not null) as kind,
        min(occurred_at) filter (where removal is not null) as asked_at,
        min(occurred_at) filter (where left_as is not null and ended_before is distinct from 'done') as shown_at,
        arg_min(left_as, order_key) filter (where left_as is not null) as left_as,
        max(occurred_at) filter (where removal is not null) as last_asked_at,
        min(occurred_at) filter (where removal = 'stagedDelete') as staged_at,
        min(occurred_at) filter (where ends is not null) as ended_at,
        max(ends) as ends,
        count(*) filter (where removal is not null) as requests,
        count(*) filter (where removal is not null and status = 'failure') as failures,
        arg_max(event_id, order_key) as event_id,
        max(occurred_at) as last_event_at,
        arg_max(status, order_key) as status,
        arg_max_null(error_code, order_key) as error_code,
        arg_max_null(skip_reason, order_key) as skip_reason,
        arg_max_null(reason, order_key) as reason,
        arg_max_null(retry_at, order_key) as retry_at,
        coalesce(any_value(ended_before) = 'done', false) as was_gone,
        max(order_key) as last_key
    from runs
    group by object, run
    having count(removal) > 0
), by_other_jobs as (
    -- A restart may give the app a job of another id, which goes on with the same accounts.
    select c.job_id, c.source_id, c.last_key
    from cases c
    join footings f on f.source_id = c.source_id and f.app_id = c.app_id and f.job_id <> c.job_id
    where c.ends is null and f.order_key > c.last_key and f.occurred_at < as_of and f.ends is not null
    group by c.job_id, c.source_id, c.last_key
    having arg_max(f.ends, f.order_key) = 'done'
)
select
    job_id, source_id, tenant_id, app_id,
    name_of_job(app_name, job_id) as app_name,
    "name",
    target_id,
    kind,
    case when ends is not null then ends when kind = 'stagedDelete' then 'held back' else 'open' end as outcome,
    case when shown_at < asked_at then shown_at else asked_at end as started_at,
    case when shown_at < asked_at then 'trigger' else 'event' end as started_from,
    left_as,
    asked_at,
    last_asked_at,
    staged_at,
    ended_at,
    date_diff('second', case when shown_at < asked_at then shown_at else asked_at end, coalesce(ended_at, as_of))
        as took_s,
    requests,
    failures,
    event_id,
    last_event_at,
    status, error_code, skip_reason, reason, retry_at,
    was_gone or (job_id, source_id, last_key) in (select (job_id, source_id, last_key) from by_other_jobs) as was_gone
from cases;

-- lost_memberships(as_of): one row per person who came back to an app where a group once named them, and whom no group
-- has named since. Entra sends a membership when it changes; that the account was gone meanwhile changes no
-- membership. A group that fails is left out, since Entra tries it again by itself.
--   job_id     the job
--   app_name   the app's name
--   source_id  the object's id in Entra
--   name       the UPN, else the display name, else the id
--   was        out of scope or removed
--   gone_at    when the person went
--   back_at    when the person came back
--   event_id   the event that brought the person back
--   groups     the groups' names
create or replace macro lost_memberships(as_of) as table
with away as (
    select
        object,
        max(order_key) as order_key,
        max(occurred_at) as gone_at,
        arg_max(case footing when 'out' then 'out of scope' else 'removed' end, order_key) as was
    from footings
    where occurred_at < as_of
        and lower(coalesce(source_type, '')) <> 'group'
        and (removal in ('disable', 'delete') and status in ('success', 'warning')
            or skip_reason in ('NotEffectivelyEntitled', 'out of scope'))
    group by object
), turns as materialized (
    select
        t.object,
        any_value(a.was) as was,
        any_value(a.gone_at) as gone_at,
        min(t.occurred_at) as back_at,
        min(t.order_key) as first_key,
        max(t.order_key) as last_key
    from footings t
    join away a on a.object = t.object and t.order_key > a.order_key
    where t.occurred_at < as_of and t.footing = 'in' and t.removal is null
    group by t.object
), returned as materialized (
    select
        any_value(f.job_id) as job_id,
        any_value(f.source_id) as source_id,
        any_value(t.was) as was,
        any_value(t.gone_at) as gone_at,
        any_value(t.back_at) as back_at,
        arg_max(f.app_name, f.order_key) as app_name,
        coalesce(arg_max(f."name", f.order_key), any_value(f.source_id)) as "name",
        arg_max(f.target_id, f.order_key) as target_id,
        arg_min(f.event_id, f.order_key) as event_id
    from footings f
    join turns t on t.object = f.object and f.order_key between t.first_key and t.last_key
    where f.footing = 'in' and f.removal is null
    group by f.object
), memberships as (
    select
        any_value(job_id) as job_id,
        any_value(source_id) as source_id,
        group_id,
        arg_max(op = 'add', occurred_at) filter (where occurred_at < back_at) as was_member,
        bool_or(occurred_at >= back_at) as again
    from (
        select b.job_id, b.source_id, b.object, b.back_at, c.source_id as group_id, c.op, c.occurred_at
        from member_claims c
        join (
            select distinct job_id, source_id, object_number(job_id, source_id) as object, back_at,
                unnest([source_id, target_id]) as "member"
            from returned
        ) b on object_number(b.job_id, b."member") = object_number(c.job_id, c."member")
        where c.occurred_at < as_of and c.status in ('success', 'warning') and c.op in ('add', 'remove')
    )
    group by object, group_id
), titles as (
    select job_id, source_id as group_id, arg_max_null(source_name, named_key) as title
    from identity_parts
    where (job_id, source_id) in (select (job_id, group_id) from memberships)
    group by job_id, source_id
)
select
    b.job_id,
    coalesce(b.app_name, job_label(b.job_id)) as app_name,
    b.source_id,
    b."name",
    b.was,
    b.gone_at,
    b.back_at,
    b.event_id,
    list(coalesce(g.title, n.group_id) order by coalesce(g.title, n.group_id)) as groups
from returned b
join memberships n on n.job_id = b.job_id and n.source_id = b.source_id and n.was_member and not n.again
left join titles g on g.job_id = n.job_id and g.group_id = n.group_id
group by all;
