-- Objects whose attempt failed and that await a retry: the table pending_retries, kept at each load.

-- retry_runs(failures, settlements): one row per run of failed attempts of an object that nothing settled in between. What
-- settles one comes after a problem, so that the object's footing changes there.
--   object        the object, by object_number
--   job_id        the job
--   source_id     the object's id in Entra
--   first_key     its first failure, by order_of
--   closed_key    what settled it, by order_of; the largest number while open
--   first_at      when the first failure was
--   failed_at     when the newest failure was
--   settled_at    when the object was settled before; null where the log does not show it
--   seen          failures that the log shows
--   first_number  which retry the first of them was, by retry_number
--   first_retry   whether the first of them shows itself as a retry
--   unseen        failures that the log lacks, by the retries' numbers; null where none has a number
--   created_at    when it began, by the retry steps
--   retry_at      when Entra tries again, by the newest failure
--   error_code    the newest failure's code
--   is_reference  whether a reference could not be resolved
create or replace macro retry_runs(failures, settlements) as table
with ordered as (
    select
        *,
        count(*) filter (where closes) over before as run,
        max(order_key) filter (where closes) over before as settled_key
    from (
        select object, job_id, source_id, order_key, occurred_at, code, retry_at, is_reference, is_retry, retry_number,
            pending_since, false as closes
        from query_table(failures)
        union all by name
        select object, order_key, true as closes
        from query_table(settlements)
        where object in (select object from query_table(failures))
    )
    window before as (partition by object order by order_key rows between unbounded preceding and 1 preceding)
)
select
    object,
    any_value(job_id) as job_id,
    any_value(source_id) as source_id,
    min(order_key) filter (where not closes) as first_key,
    coalesce(min(order_key) filter (where closes), 9223372036854775807) as closed_key,
    min(occurred_at) as first_at,
    max(occurred_at) as failed_at,
    any_value(make_timestamp((settled_key // 2147483648) * 1000000)) as settled_at,
    count(*) filter (where not closes) as seen,
    arg_min_null(retry_number, order_key) filter (where not closes) as first_number,
    arg_min(is_retry, order_key) as first_retry,
    max(retry_number - place) as unseen,
    min(pending_since) as created_at,
    arg_max(retry_at, order_key) as retry_at,
    arg_max(code, order_key) as error_code,
    coalesce(bool_or(is_reference), false) as is_reference
from (
    select *, row_number() over (partition by object, run, closes order by order_key) - 1 as place
    from ordered
)
group by object, run
having count(*) filter (where not closes) > 0;

-- pending_retry_rows(failures, settlements): one row per pending retry, open or closed, of objects whose failed attempts
-- are the rows of one table, with the columns of the table pending_retries; settlements: the footings, other than a
-- problem, of these objects. It opens by the first failure since the object was last in order, and closes by a success,
-- a warning, a redundant export (both sides match) or leaving scope. One that is older than the log began when its
-- retry step tells, else as count and schedule tell, unless something settled the object since.
--   pending_retries.*  as in the table
create or replace macro pending_retry_rows(failures, settlements) as table
with judged as (
    select
        *,
        case
            when created_at < first_at then 'creation time'
            when first_number = 0 then 'first failure'
            when coalesce(first_number, unseen) > 0 then 'retry count'
            when unseen is not null or created_at is not null then 'first failure'
            when first_retry or settled_at is null then 'at the latest'
            else 'first failure'
        end as evidence
    from retry_runs(failures, settlements)
), dated as (
    select
        *,
        case evidence when 'creation time' then created_at
            when 'retry count' then first_at - retried_after(coalesce(first_number, unseen)) else first_at end as began_at
    from judged
), checked as (
    select *, coalesce(began_at < first_at and began_at <= settled_at, false) as is_contradicted
    from dated
)
select
    object,
    job_id,
    source_id,
    first_key,
    closed_key,
    failed_at,
    case when is_contradicted then first_at else began_at end as opened_at,
    case when is_contradicted then 'at the latest' else evidence end as opened_from,
    case when closed_key < 9223372036854775807 then make_timestamp((closed_key // 2147483648) * 1000000) end as closed_at,
    seen + case when is_contradicted then 0 else greatest(coalesce(unseen, 0), 0) end as attempts,
    is_contradicted or (evidence <> 'first failure' and unseen is null) as is_at_least,
    retry_at,
    error_code,
    is_reference
from checked;

-- retry_changes(failed, settlements, changed, repeated, stored): one row per object whose pending retries a batch may change, and
-- between which of its events: from the first failure of the first pending retry that was not over before the batch's
-- first change, until what settles the object after its last. failed: problems that arrive; changed and repeated:
-- footings that come and go; stored: pending retries of their objects.
--   object  the object, by object_number
--   since   the first failure, by order_of
--   until   what settles the object after the changes, whatever they are: not a skip for want of entitlement, which may
--           settle it only with or without them; the largest number where nothing does
create or replace macro retry_changes(failed, settlements, changed, repeated, stored) as table
with changes as (
    select object, min(order_key) as first_change, max(order_key) as last_change, bool_or(fails) as fails
    from (
        select object, order_key, true as fails from query_table(failed) where status = 'failure' and source_id is not null
        union all
        select object, order_key, false from query_table(changed) where footing <> 'problem'
        union all
        select object, order_key, false from query_table(repeated)
    )
    group by object
), affected as (
    select c.object, min(p.first_key) as first_key
    from query_table(stored) p
    join changes c on c.object = p.object and p.closed_key >= c.first_change
    group by c.object
)
select
    c.object,
    least(any_value(c.first_change), any_value(a.first_key)) as since,
    coalesce(min(s.order_key), 9223372036854775807) as until
from changes c
left join affected a on a.object = c.object
left join query_table(settlements) s
    on s.object = c.object and s.order_key > c.last_change and s.footing in ('in', 'gone')
where c.fails or a.first_key is not null
group by c.object;

-- escrows: one row per object whose attempt failed and awaits a retry, open or closed. Entra drops it 28 days after it
-- opened.
--   job_id        the job
--   source_id     the object's id in Entra
--   opened_at     the first failure since it was last in order, at the latest
--   closed_at     when that was settled, or a newer job that replaced this one handled the object; null while open
--   attempts      how often it failed
--   retry_at      when Entra tries again, by the newest failure; see promised_retry
--   dropped_at    when Entra gives up; null where it is closed
--   error_code    the newest failure's code
--   is_reference  whether a reference could not be resolved
--   opened_from   what tells when it opened: first failure, creation time, retry count or at the latest
--   is_at_least   whether it may have failed more often
create or replace view escrows as
select
    p.job_id,
    p.source_id,
    opened_at,
    coalesce(closed_at, taken_over_at) as closed_at,
    attempts,
    retry_at,
    case when closed_at is null and taken_over_at is null then opened_at + interval 28 day end as dropped_at,
    error_code,
    is_reference,
    opened_from,
    is_at_least
from pending_retries p
left join taken_over t on t.job_id = p.job_id and t.source_id = p.source_id;

-- waiting_escrows: one row per open escrow.
--   job_id        the job
--   source_id     the object's id in Entra
--   opened_at     the first failure since it was last in order, at the latest
--   attempts      how often it failed
--   retry_at      when Entra tries again, by the newest failure; see promised_retry
--   dropped_at    when Entra gives up
--   error_code    the newest failure's code
--   is_reference  whether a reference could not be resolved
--   opened_from   what tells when it opened: first failure, creation time, retry count or at the latest
--   is_at_least   whether it may have failed more often
create or replace view waiting_escrows as
select * exclude (closed_at)
from escrows
where closed_at is null;
