-- What goes wrong, grouped by its cause. Read after cycles.sql.

-- attribute_quoted: an attribute's name that a message quotes, put into other marks; what else is quoted is a value. The
-- names are those of RFC 7643 and of Entra's users, and any that is written in camel case.
create or replace macro attribute_quoted(words) as
    regexp_replace(words, '[''"]((urn:[^''"\s]+|[a-z]+[A-Z][A-Za-z0-9]*|active|addresses|department|division|emails'
        || '|entitlements|groups|ims|locale|mail|manager|members|meta|mobile|name|organization|photos|roles|schemas'
        || '|surname|timezone|title)([.\[][^'']*?)?)[''"]', '⟨\1⟩', 'g');

-- normalised: a message without what differs from object to object: ids, names, dates, numbers, hosts, the next retry.
-- Several in a row count as one. Two messages of one cause are then the same text. A quote counts only around a value, not
-- in "doesn't".
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
        '(‹\w+›)((,| and) ?‹\w+›)+', '\1', 'g'),
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
        when http_status = 409 then 'source data'
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
        coalesce(lead(occurred_at) over (partition by object order by order_key), timestamp 'infinity') as until
    from (
        select job_id, object_number(job_id, source_id) as object, source_id, fingerprint, occurred_at, order_key
        from problems
        union all
        select job_id, object, null, null, occurred_at, order_key
        from (select *, object_number(job_id, source_id) as object from footings where footing <> 'problem')
        where object in (select object_number(job_id, source_id) from problems)
    )
)
where fingerprint is not null;

-- problem_waits: the same as of an instant, each with the episode of its issue that it belongs to. A cause that nobody had
-- waited for during three completed cycles of the job, and that comes back, has another episode. With it: how many cycles of
-- the job were completed, and when the newest of them began.
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
        case when s.until <= as_of then s.until end as until,
        hash(s.job_id) as job,
        hash(s.job_id, s.fingerprint) as issue
    from problem_spans s
    where s.since <= as_of and (only_issue = '' or s.fingerprint = only_issue)
), placed as (
    select w.*, coalesce(b.ordinal, 0) as since_ordinal, coalesce(e.ordinal, 0) as until_ordinal
    from waits w
    asof left join done b on w.job = b.job and w.since >= b.ended_at
    asof left join done e on w.job = e.job and w.until >= e.ended_at
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

-- error_issues: each cause in each job and how it lives, as of an instant. Its life is counted in the job's completed
-- cycles: new or regressed for its first three, resolved when nobody waited for three. Quiet: nobody waits any more, or no
-- try for a day, the longest that Entra lets pass. Escalating: half as many people more than before the newest completed
-- cycle, and two at least.
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
), numbered as materialized (
    select * from problem_waits(as_of)
), lives as (
    select
        job_id,
        fingerprint,
        max(episode)::bigint as episodes,
        count(distinct source_id) filter (where until is null) as waiting,
        list(distinct source_id)[:1000] as source_ids,
        list(distinct source_id) filter (where until is null)[:1000] as waiting_ids,
        count(distinct source_id) filter (
            where since < cycle_began_at and (until is null or until >= cycle_began_at)) as waited,
        max(since_ordinal) as last_ordinal,
        max(until_ordinal) as ended_ordinal,
        max(until) as ended_at,
        max(cycles_done) as ordinal
    from numbered
    group by job_id, fingerprint
), begun as (
    select n.job_id, n.fingerprint, min(n.since) as episode_at, min(n.since_ordinal) as episode_ordinal
    from numbered n
    join lives l on l.job_id = n.job_id and l.fingerprint = n.fingerprint and l.episodes = n.episode
    group by n.job_id, n.fingerprint
), ids as (
    select job_id, fingerprint, unnest(source_ids) as source_id, false as waits from lives
    union all
    select job_id, fingerprint, unnest(waiting_ids), true from lives
), called as (
    select i.job_id, i.source_id, coalesce(folded_name(p.upn, p.source_name, p.named_key), i.source_id) as "name"
    from (select distinct job_id, source_id from ids) i
    join identity_parts p on p.job_id = i.job_id and p.source_id = i.source_id
    group by i.job_id, i.source_id
), named as (
    -- Whom it hit and who waits, by name, up to a thousand.
    select i.job_id, i.fingerprint, list(c."name" order by c."name") filter (where not i.waits) as names,
        list(c."name" order by c."name") filter (where i.waits) as waiting_names
    from ids i
    join called c on c.job_id = i.job_id and c.source_id = i.source_id
    group by i.job_id, i.fingerprint
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
    coalesce(m.names, []) as names,
    coalesce(m.waiting_names, []) as waiting_names,
    fault_of(t.code, t.category, t.http_status, t.step_type) as fault,
    case
        when l.waiting = 0 and l.ordinal - l.ended_ordinal >= 3 then 'resolved'
        when l.episodes > 1 and l.ordinal - b.episode_ordinal < 3 then 'regressed'
        when l.ordinal - b.episode_ordinal < 3 then 'new'
        when l.waiting >= l.waited + 2 and l.waiting >= 1.5 * l.waited then 'escalating'
        when l.waiting = 0 or t.last_seen_at < as_of::timestamp - interval 25 hour then 'quiet'
        else 'ongoing'
    end as state
from told t
join lives l on l.job_id is not distinct from t.job_id and l.fingerprint = t.fingerprint
join begun b on b.job_id is not distinct from t.job_id and b.fingerprint = t.fingerprint
left join named m on m.job_id = t.job_id and m.fingerprint = t.fingerprint;

-- katz_low, katz_high: the 95 % interval of a risk ratio, a of n against c of m, after Katz; half a person is added to each
-- cell where one is empty, since nothing can be said of a ratio to zero otherwise.
create or replace macro katz_ratio(a, n, c, m) as
    case when a = 0 or c = 0 then ((a + 0.5) / (n + 1)) / ((c + 0.5) / (m + 1)) else (a / n) / (c / m) end;
create or replace macro katz_error(a, n, c, m) as
    case
        when a = 0 or c = 0 then sqrt(greatest(0, 1 / (a + 0.5) - 1 / (n + 1) + 1 / (c + 0.5) - 1 / (m + 1)))
        else sqrt(greatest(0, 1 / a - 1 / n + 1 / c - 1 / m))
    end;
create or replace macro katz_low(a, n, c, m) as katz_ratio(a, n, c, m) * exp(-1.959964 * katz_error(a, n, c, m));
create or replace macro katz_high(a, n, c, m) as katz_ratio(a, n, c, m) * exp(1.959964 * katz_error(a, n, c, m));

-- ln_choose: the logarithm of how many ways there are to choose k of n.
create or replace macro ln_choose(n, k) as lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);

-- fisher: how likely a of n or more would be by chance, when c of m others have it too; Fisher's exact test, one-sided.
create or replace macro fisher(a, n, c, m) as
    least(1.0, list_sum(list_transform(range(a::bigint, least(n, a + c)::bigint + 1),
        lambda i: exp(ln_choose(a + c, i) + ln_choose(n + m - a - c, n - i) - ln_choose(n + m, n)))));

-- traits_of: what may be told of one value, as words that others' values may share.
create or replace macro traits_of(value) as
    case
        when value is null then ['is missing']
        when trim(value) = '' then ['is empty']
        else list_filter([
            case
                when length(value) <= 2 then 'has 1 or 2 characters'
                when length(value) <= 64 then 'has ' || (pow(2, ceil(log2(length(value))) - 1)::bigint + 1) || ' to '
                    || pow(2, ceil(log2(length(value))))::bigint || ' characters'
                else 'has more than 64 characters'
            end,
            case
                when regexp_full_match(value, '\d+') then 'is digits only'
                when regexp_matches(value, '[^\x00-\x7F]') then 'has letters outside ASCII'
                when regexp_matches(value, '[^\w\s.,@''+:/-]') then 'has unusual signs'
                when regexp_full_match(value, '[A-Za-z]+') then 'is letters only'
            end,
            case when value <> trim(value) then 'begins or ends with a space' end,
            'is in the domain ' || nullif(lower(regexp_extract(value, '^[^@\s]+@([^@\s]+)$', 1)), '')
        ], lambda x: x is not null)
    end;

-- issue_cast: whom an issue hit in a stretch of time, and up to `most` others of the same job and kind for whom the same
-- action went well; for a skip, whose create or update did. Each with the event that says so.
create or replace macro issue_cast(job, issue, since_at, until_at, most) as table
with failing as (
    select
        source_id,
        max(order_key) as order_key,
        arg_max(event_id, order_key) as event_id,
        arg_max("action", order_key) as "action",
        arg_max(status, order_key) as status,
        arg_max(source_type, order_key) as source_type
    from problems
    where job_id = job and fingerprint = issue and occurred_at >= since_at and occurred_at < until_at
    group by source_id
), others as (
    select
        source_id,
        max(order_of(occurred_at, event_id)) as order_key,
        arg_max(event_id, order_of(occurred_at, event_id)) as event_id,
        arg_max("action", order_of(occurred_at, event_id)) as "action",
        hash(source_id) as chance
    from events
    where job_id = job
        and occurred_at >= since_at
        and occurred_at < until_at
        and status = 'success'
        and "action" in (
            select unnest(case when status = 'skipped' then ['create', 'update'] else ["action"] end) from failing)
        and source_type in (select source_type from failing)
        and source_id not in (select source_id from failing)
    group by source_id
), chosen as (
    select *, row_number() over (order by chance, source_id) as place from others
)
select source_id, true as failing, event_id, order_key, "action" from failing
union all
select source_id, false, event_id, order_key, "action" from chosen where place <= most;

-- issue_facts: what is known of each of an issue's cast: the attributes that were read from the source by that event or
-- the newest one before it in that time, what a create wrote, and what an update changed. A null is an attribute that others have.
create or replace macro issue_facts(job, issue, since_at, until_at, most) as table
with people as materialized (
    select * from issue_cast(job, issue, since_at, until_at, most)
), told as materialized (
    select
        e.source_id,
        any_value(p.failing) as failing,
        arg_max_null(read.details, order_of(e.occurred_at, e.event_id)) filter (where read.details is not null) as read,
        any_value(e.changes) filter (where e.event_id = p.event_id) as written,
        any_value(p."action") as "action"
    from (
        select
            source_id,
            event_id,
            occurred_at,
            changes,
            list_filter(steps, lambda s: s."type" = 'import' and s."name" like 'EntryImport%')[-1] as read
        from events
        where job_id = job
            and source_id in (select source_id from people)
            and occurred_at < until_at
            and occurred_at >= since_at
    ) e
    join people p on p.source_id = e.source_id and order_of(e.occurred_at, e.event_id) <= p.order_key
    group by e.source_id
), facts as materialized (
    select source_id, failing, 'read' as side, pair.key as attribute, pair.value as value
    from (
        select source_id, failing, unnest(map_entries(json_transform(read, '"MAP(VARCHAR, VARCHAR)"'))) as pair
        from told
    )
    where pair.key not in ('objectId', 'id', 'ReportableIdentifier')
    union all
    select source_id, failing, case when "action" = 'create' then 'written' else 'changed' end, c.attribute, c.new_value
    from (select source_id, failing, "action", unnest(written) as c from told)
    where "action" = 'create' or c.attribute <> 'accountDisabled'
), known as (
    select distinct source_id, failing, side from facts
)
select k.source_id, k.failing, k.side, a.attribute, f.value
from known k
join (select distinct side, attribute from facts) a using (side)
left join facts f on f.source_id = k.source_id and f.side = k.side and f.attribute = a.attribute;

-- is_pseudo: an update that altered nothing: Entra logs accountDisabled along with it, changed or not, and values that are
-- the same as before. In a case, since DuckDB would otherwise look into the changes of every event.
create or replace macro is_pseudo("action", status, changes) as
    case
        when status = 'success' and "action" = 'update' then len(changes) > 0
            and len(list_filter(changes, lambda c: c.attribute <> 'accountDisabled'
                and c.old_value is distinct from c.new_value)) = 0
        else false
    end;

-- issue_traits: each trait of an attribute and how many have it: a of the n whom an issue hit, c of the m others.
create or replace macro issue_traits(job, issue, since_at, until_at, most) as table
with facts as materialized (
    select *, count(*) over same > 1 as shared
    from issue_facts(job, issue, since_at, until_at, most)
    window same as (partition by side, attribute, value)
), people as (
    select
        side,
        count(distinct source_id) filter (where failing) as n,
        count(distinct source_id) filter (where not failing) as m
    from facts
    group by side
), kinds as (
    select side, attribute, count(distinct value) as "values", count(value) as filled from facts group by all
), seen as (
    select f.failing, f.side, f.attribute, unnest(case
        when f.side = 'changed' then case when f.value is null then [] else ['was changed'] end
        else list_filter(traits_of(f.value) || [
            case when f.shared and f.value is not null and k."values" >= 0.9 * k.filled then 'is shared with somebody' end,
            case when k."values" between 2 and 20 and f.value <> '' then 'is ' || f.value[:40] end
        ], lambda x: x is not null)
    end) as trait
    from facts f
    join kinds k using (side, attribute)
)
select
    side,
    attribute,
    trait,
    count(*) filter (where failing) as a,
    count(*) filter (where not failing) as c,
    any_value(n) as n,
    any_value(m) as m
from seen
join people using (side)
group by side, attribute, trait
having any_value(n) >= 2 and any_value(m) >= 2;

-- lacking_values: whom Entra left out, the last time it looked, because a required attribute has no valid value. That both
-- sides match already says nothing of it.
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
