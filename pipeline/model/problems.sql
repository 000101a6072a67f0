-- Failures, and skips that are no good news, with their causes and how long they lasted.

-- problem_rows(source): one row per problem among the events of a table, with the columns of the table problems.
--   problems.*  as in the table
create or replace macro problem_rows(source) as table
select
    event_id,
    tenant_id,
    job_id,
    app_name,
    cycle_id,
    occurred_at,
    order_key,
    source_id,
    source_type,
    "action",
    status,
    fingerprint(split_part(job_id, '.', 1), source_type, step."type", code, http_status, scim_type, coalesce(detail, ''))
        as fingerprint,
    code,
    category,
    http_status,
    scim_type,
    step."type" as step_type,
    nullif(step.details ->> '$.PropertyName', '') as attribute,
    detail,
    coalesce(code like '%UnableToResolveReferenceAttributeValue' or step."type" = 'referenceResolution', false)
        as is_reference,
    retry_at,
    object_number(job_id, source_id) as object,
    retry_details is not null or coalesce(retry_count > 0, false) as is_retry,
    retry_number(retry_count, retry_details) as retry_number,
    entry_instant(retry_member(retry_details, 'CreationTime')) as pending_since
from (
    select
        *,
        retry_step(steps) as retry_details,
        order_of(occurred_at, event_id, "action", status) as order_key,
        failed_step(steps) as step,
        coalesce(error_code, skip_reason) as code,
        error_category as category,
        normalised(case when names_any(words, source_name, upn)
            then without_names(words, [source_name, split_part(upn, '@', 1)]) else words end) as detail
    from (
        select *, cause_words(scim_detail, reason, steps) as words
        from query_table(source)
        where is_problem(status, is_benign(status, skip_reason, error_code))
    )
);

-- problem_footings: the footings of objects that ever had a problem.
--   object     the object, by object_number
--   order_key  its place in the order of events, by order_of
--   footing    in, out, gone or problem
--   removal    what was to be taken away
--   status     how it ended
create or replace view problem_footings as
select object, order_key, footing, removal, status
from footings
where object in (select object from problems);

-- problem_spans: one row per span in which an object had a problem of one cause: until the next problem of the object,
-- or until what settles it. An open one lasts for ever.
--   job_id       the job
--   source_id    the object's id in Entra
--   fingerprint  the cause that failures share
--   since        when the problem happened
--   until        when the next one or its settlement came; infinity while open
create or replace view problem_spans as
select
    p.job_id,
    p.source_id,
    p.fingerprint,
    p.occurred_at as since,
    coalesce(make_timestamp((n.next_key // 2147483648) * 1000000), timestamp 'infinity') as until
from problems p
join (
    -- Numbers alone are sorted.
    select object, order_key, is_problem, lead(order_key) over (partition by object order by order_key) as next_key
    from (
        select object, order_key, true as is_problem from problems
        union all
        select object, order_key, false from settlements_of('problem_footings')
    )
) n on n.object = p.object and n.order_key = p.order_key
where n.is_problem;

-- problem_waits(as_of, only_issue): one row per problem_spans' span as of an instant, with the episode of its issue that it
-- belongs to. A cause that nobody had waited for during three completed cycles of the job, and that comes back, has
-- another episode.
--   job_id          the job
--   fingerprint     the cause that failures share
--   source_id       the object's id in Entra
--   since           when the problem happened
--   until           when it ended; null while open
--   since_ordinal   cycles of the job that had ended before since
--   until_ordinal   cycles of the job that had ended before until
--   episode         the issue's episode, from 1
--   cycles_done     completed cycles of the job
--   cycle_began_at  when the newest of them began
create or replace macro problem_waits(as_of, only_issue := '') as table
with done as materialized (
    select
        hash(job_id) as job,
        began_at,
        ended_at,
        row_number() over (partition by job_id order by ended_at, cycle_id) as ordinal
    from cycles
    where ended_at <= as_of
), newest as (
    select job, max(ordinal) as cycles_done, arg_max(began_at, ordinal) as cycle_began_at from done group by job
), waits as (
    select
        s.job_id,
        s.fingerprint,
        s.source_id,
        s.since,
        -- What a newer job of the app has handled since waits no more.
        case when least(s.until, t.taken_over_at) <= as_of then least(s.until, t.taken_over_at) end as until,
        hash(s.job_id) as job,
        hash(s.job_id, s.fingerprint) as issue
    from problem_spans s
    left join taken_over t on t.job_id = s.job_id and t.source_id = s.source_id and t.taken_over_at >= s.since
    where s.since <= as_of and (only_issue = '' or s.fingerprint = only_issue)
), instants as (
    -- Problems come and go in cycles, so that many share an instant.
    select i.job, i.at, coalesce(d.ordinal, 0) as ordinal
    from (select job, since as at from waits union select job, until from waits where until is not null) i
    asof left join done d on i.job = d.job and i.at >= d.ended_at
), placed as (
    select w.*, b.ordinal as since_ordinal, coalesce(e.ordinal, 0) as until_ordinal
    from waits w
    join instants b on b.job = w.job and b.at = w.since
    left join instants e on e.job = w.job and e.at = w.until
), broken as (
    -- Whoever began to wait in one cycle is in one episode, so that cycles are looked at and not everybody.
    select
        *,
        coalesce(since_ordinal - max(lasts) over (
            partition by issue order by since_ordinal rows between unbounded preceding and 1 preceding) >= 3, true) as begins
    from (
        select issue, since_ordinal,
            max(case when until is null then 9223372036854775807 else until_ordinal end) as lasts
        from placed
        group by issue, since_ordinal
    )
), counted as (
    select issue, since_ordinal,
        (sum(begins::integer) over (partition by issue order by since_ordinal))::bigint as episode
    from broken
)
select
    p.job_id,
    p.fingerprint,
    p.source_id,
    p.since,
    p.until,
    p.since_ordinal,
    p.until_ordinal,
    c.episode,
    n.cycles_done,
    n.cycle_began_at
from placed p
join counted c on c.issue = p.issue and c.since_ordinal = p.since_ordinal
left join newest n on n.job = p.job;

-- lacking_values(until_at): one row per object that Entra left out, the last time it looked, because a required
-- attribute has no valid value. That both sides match already says nothing of it.
--   job_id     the job
--   source_id  the object's id in Entra
--   tenant_id  the tenant
--   app_name   the app's name
--   event_id   the newest skip
--   since      the first such skip
--   attribute  the attribute that is missing
create or replace macro lacking_values(until_at) as table
with newest as (
    select
        job_id,
        source_id,
        max(tenant_id) as tenant_id,
        max(app_name) as app_name,
        arg_max(event_id, order_key) as event_id,
        arg_max(code, order_key) as code,
        min(occurred_at) filter (where code = 'AttributeValidationFailed') as since,
        arg_max(attribute, order_key) as attribute,
        max(order_key) as order_key
    from problems
    where occurred_at < until_at
        and (job_id, source_id) in (select (job_id, source_id) from problems where code = 'AttributeValidationFailed')
    group by job_id, source_id
)
select * exclude (code, order_key)
from newest n
where code = 'AttributeValidationFailed'
    and not exists (
        from footings f
        where f.job_id = n.job_id and f.source_id = n.source_id and f.order_key > n.order_key
            and f.occurred_at < until_at and f.footing <> 'problem' and f.skip_reason is distinct from 'RedundantExport');
