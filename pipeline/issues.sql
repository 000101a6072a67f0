-- What goes wrong, grouped by its cause. Read after cycles.sql.

-- attribute_quoted: an attribute's name that a message quotes, put into other marks; what else is quoted is a value. The
-- names are those of RFC 7643 and of Entra's users, and any that is written in camel case.
create or replace macro attribute_quoted(words) as
    regexp_replace(words, '[''"]((urn:[^''"\s]+|[a-z]+[A-Z][A-Za-z0-9]*|active|addresses|department|division|emails'
        || '|entitlements|groups|ims|locale|mail|manager|members|meta|mobile|name|organization|photos|roles|schemas'
        || '|surname|timezone|title)([.\[][^'']*?)?)[''"]', '⟨\1⟩', 'g');

-- normalised: a message without what differs from object to object: ids, names, dates, numbers, hosts, the next retry.
-- Two messages of one cause are then the same text. A quote counts only around a value, not in "doesn't".
create or replace macro normalised(words) as
    trim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(attribute_quoted(regexp_replace(words,
        'This operation was retried \d+ times?\.?( It will be retried again after this date: \S+( UTC)?\.?)?', '', 'g')),
        '[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}', '‹id›', 'g'),
        '[A-Za-z]+://[^\s"''<>]+', '‹address›', 'g'),
        '[^\s"''<>,;:()=‹›]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+', '‹name›', 'g'),
        '\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?( ?(Z|UTC|[+-]\d\d:?\d\d)\b)*'
            || '|\b\d{1,2}/\d{1,2}/\d{4}( \d{1,2}:\d\d(:\d\d)?( [AP]M)?)?', '‹date›', 'g'),
        '(^|[\s(=:,\[{])(''[^'']*''|"[^"]*"|“[^”]*”|‘[^’]*’|`[^`]*`)', '\1‹value›', 'g'),
        '\b([A-Za-z0-9-]+\.)+(com|net|org|io|test|example|local|internal|cloud|dev|app|eu|de|uk|us)\b(:\d+)?',
            '‹host›', 'g'),
        'as the members of [^.]*', 'as the members of ‹value›', 'g'),
        '(‹\w+›)(, ?‹\w+›)+', '\1 …', 'g'),
        '\b\d+([.,:]\d+)*\b|\b[A-Za-z]*\d+[A-Za-z][A-Za-z0-9]*\b', '#', 'g'),
        '\s+', ' ', 'g'),
        '[⟨⟩]', '''', 'g'),
        '( ?\.)+$', '.'));

-- failed_step: the step at which an event failed or was skipped; its newest one.
create or replace macro failed_step(steps) as
    coalesce(list_filter(steps, lambda s: s.status = 'failure')[1], list_filter(steps, lambda s: s.status = 'skipped')[-1]);

-- cause_words: what says best why an event failed: the app's own detail, else Entra's reason, else the failed step.
create or replace macro cause_words(scim_detail, reason, steps) as
    coalesce(nullif(trim(scim_detail), ''), nullif(trim(reason), ''), failed_step(steps).description, '');

-- fingerprint: what two failures of one cause share, as a short name that begins with the version of this recipe; a new
-- recipe gets a new version, so that a link to an issue never comes to mean another.
create or replace macro fingerprint(template, source_type, step_type, code, http_status, scim_type, detail) as
    'v1-' || md5(concat_ws('|', coalesce(template, ''), coalesce(lower(source_type), ''), coalesce(step_type, ''),
        coalesce(code, ''), coalesce(http_status::varchar, ''), coalesce(scim_type, ''), coalesce(detail, '')))[:12];

-- fault_of: whose move it is, from the code, Graph's category, the app's answer and the step; an opinion, with its
-- reasons on the page: service is Entra itself, target the app, source data and mapping are the tenant's.
create or replace macro fault_of(code, category, http_status, step_type) as
    case
        when regexp_matches(code, '(Unauthorized|InsufficientRights|NotPermitted|Credential\w*)$') then 'credentials'
        when regexp_matches(code, '(MandatoryFieldsMissing|MissingValues|AttributeValidationFailed|ImportSkipped'
            || '|InvalidDomain|DuplicateSourceEntries|EntryConflict|Conflict|DuplicateTargetEntries|InvalidAnchor'
            || '|InvalidPropertyValue|UnableToResolveReferenceAttributeValue|AmbiguousUser)$') then 'source data'
        when regexp_matches(code, '(SchemaAttributeNotFound|SchemaPropertyCanOnlyAcceptValue|MethodNotAllowed)$')
            then 'mapping'
        when regexp_matches(code, '(TooManyRequests|InternalServerError|Timeout|TimeOut|UnprocessableEntity'
            || '|NotImplemented|LicenseLimitExceeded|MultipleEntriesInResponse|ServiceIncompatible|BadResponse'
            || '|BadRequest|WebExceptionProtocolError|EndpointUnavailable)$') then 'target'
        when regexp_matches(code, '(^|[a-z])InternalError$') or lower(category) = 'servicefailure' then 'service'
        when http_status in (401, 403) then 'credentials'
        when http_status between 400 and 599 then 'target'
        when step_type in ('import', 'scoping', 'matching') then 'source data'
        else 'unknown'
    end;

-- is_problem: an event that leaves somebody without what was due: a failure, or a skip that is no good news.
create or replace macro is_problem(status, benign) as status = 'failure' or (status = 'skipped' and not benign);

-- problem_rows: the problems among the events of a table: those that arrive, or all of a store that has none yet.
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
    retry_at
from (
    select
        *,
        order_of(occurred_at, event_id) as order_key,
        failed_step(steps) as step,
        coalesce(error_code, skip_reason) as code,
        error_category as category,
        normalised(cause_words(scim_detail, reason, steps)) as detail
    from query_table(source)
    where is_problem(status, is_benign(status, skip_reason, error_code))
);

-- A store of an earlier version, or of another recipe, has events whose problems nobody has told; fold.sql says the same
-- of what arrives.
delete from problems where fingerprint not like 'v1-%';
insert into problems by name select * from problem_rows('events') where not exists (select 1 from problems);

-- problem_spans: from when until when an object had a problem of one cause: until the next problem of the object, or until
-- what settles it. An open one lasts for ever. Its cycles are counted by how many of the job's had ended before.
create or replace view problem_spans as
select
    job_id,
    source_id,
    fingerprint,
    occurred_at as since,
    until
from (
    select
        job_id,
        source_id,
        fingerprint,
        occurred_at,
        coalesce(lead(occurred_at) over (partition by job_id, source_id order by order_key), timestamp 'infinity') as until
    from (
        select job_id, source_id, fingerprint, occurred_at, order_key from problems
        union all
        select job_id, source_id, null, occurred_at, order_of(occurred_at, event_id)
        from events
        where (job_id, source_id) in (select (job_id, source_id) from problems)
            and not is_problem(status, is_benign(status, skip_reason, error_code))
            and state_of("action", status, skip_reason) is not null
    )
)
where fingerprint is not null;

-- error_issues: each cause in each job and how it lives, as of an instant. Its life is counted in the job's completed
-- cycles: new or regressed for its first three, resolved when nobody waited for three; one that comes back after that
-- has another episode. Quiet: nobody waits any more, or no try for a day, the longest that Entra lets pass. Escalating: half as many people more than before the newest completed cycle, and two at least.
create or replace macro error_issues(as_of) as table
with told as (
    select
        job_id,
        fingerprint,
        arg_max(tenant_id, order_key) as tenant_id,
        arg_max(app_name, order_key) as app_name,
        arg_max(source_type, order_key) as source_type,
        arg_max(code, order_key) as code,
        arg_max(category, order_key) as category,
        arg_max(http_status, order_key) as http_status,
        arg_max(scim_type, order_key) as scim_type,
        arg_max(step_type, order_key) as step_type,
        arg_max(attribute, order_key) as attribute,
        arg_max(detail, order_key) as detail,
        arg_max(status, order_key) as status,
        arg_max(event_id, order_key) as newest_event_id,
        count(*) as events,
        count(distinct source_id) as people,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from problems
    where occurred_at <= as_of
    group by job_id, fingerprint
), done as (
    select job_id, began_at, ended_at, row_number() over (partition by job_id order by ended_at, cycle_id) as ordinal
    from cycles
    where ended_at <= as_of
), newest as (
    select job_id, max(ordinal) as ordinal, arg_max(began_at, ordinal) as began_at from done group by job_id
), waits as (
    select s.job_id, s.fingerprint, s.source_id, s.since, case when s.until <= as_of then s.until end as until
    from problem_spans s
    where s.since <= as_of
), placed as (
    select w.*, coalesce(b.ordinal, 0) as since_ordinal, coalesce(e.ordinal, 0) as until_ordinal
    from waits w
    asof left join done b on w.job_id = b.job_id and w.since >= b.ended_at
    asof left join done e on w.job_id = e.job_id and w.until >= e.ended_at
), broken as (
    select
        *,
        coalesce(since_ordinal - max(case when until is null then 9223372036854775807 else until_ordinal end)
            over (before rows between unbounded preceding and 1 preceding) >= 3, true) as begins
    from placed
    window before as (partition by job_id, fingerprint order by since, source_id)
), numbered as (
    select *, sum(begins::integer) over (partition by job_id, fingerprint order by since, source_id) as episode
    from broken
), lives as (
    select
        n.job_id,
        n.fingerprint,
        max(n.episode)::bigint as episodes,
        count(distinct n.source_id) filter (where n.until is null) as waiting,
        count(distinct n.source_id) filter (
            where n.since < l.began_at and (n.until is null or n.until >= l.began_at)) as waited,
        max(n.since_ordinal) as last_ordinal,
        max(n.until_ordinal) as ended_ordinal,
        max(n.until) as ended_at,
        max(l.ordinal) as ordinal
    from numbered n
    left join newest l using (job_id)
    group by n.job_id, n.fingerprint
), begun as (
    select n.job_id, n.fingerprint, min(n.since) as episode_at, min(n.since_ordinal) as episode_ordinal
    from numbered n
    join lives l on l.job_id = n.job_id and l.fingerprint = n.fingerprint and l.episodes = n.episode
    group by n.job_id, n.fingerprint
)
select
    t.job_id,
    t.fingerprint,
    t.tenant_id,
    t.app_name,
    t.source_type,
    t.code,
    t.category,
    t.http_status,
    t.scim_type,
    t.step_type,
    t.attribute,
    t.detail,
    t.status,
    t.newest_event_id,
    t.events,
    t.people,
    l.waiting,
    t.first_seen_at,
    t.last_seen_at,
    b.episode_at,
    l.episodes,
    case when l.waiting = 0 then l.ended_at end as settled_at,
    l.ordinal - l.last_ordinal as cycles_since,
    fault_of(t.code, t.category, t.http_status, t.step_type) as fault,
    case
        when l.waiting = 0 and l.ordinal - l.ended_ordinal >= 3 then 'resolved'
        when l.episodes > 1 and l.ordinal - b.episode_ordinal < 3 then 'regressed'
        when l.ordinal - b.episode_ordinal < 3 then 'new'
        when l.waiting >= l.waited + 2 and l.waiting >= 1.5 * l.waited then 'escalating'
        when l.waiting = 0 or t.last_seen_at < as_of - interval 25 hour then 'quiet'
        else 'ongoing'
    end as state
from told t
join lives l on l.job_id is not distinct from t.job_id and l.fingerprint = t.fingerprint
join begun b on b.job_id is not distinct from t.job_id and b.fingerprint = t.fingerprint;
