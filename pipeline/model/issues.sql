-- What goes wrong, grouped by its cause.

-- issue_causes(as_of): one row per cause in each job, with what its problems up to an instant have in common.
--   job_id           the job
--   fingerprint      the cause that failures share
--   tenant_id        the tenant
--   app_name         the app's name
--   source_type      User, Group or another kind of object
--   code             the error code, else the reason of a skip
--   category         Graph's category of the error
--   http_status      the answer's HTTP status
--   scim_type        the SCIM error type
--   step_type        the kind of step that failed
--   attribute        the attribute
--   detail           the message, normalised
--   status           how the event ended
--   action           what was to be done
--   newest_event_id  the newest event
--   events           its events
--   people           distinct objects
--   first_seen_at    the first event
--   last_seen_at     the newest event's time
create or replace macro issue_causes(as_of) as table
with counted as (
    select
        job_id,
        fingerprint,
        arg_max(tenant_id, order_key) as tenant_id,
        arg_max(app_name, order_key) as app_name,
        arg_max(category, order_key) as category,
        arg_max(attribute, order_key) as attribute,
        max(order_key) as order_key,
        count(*) as events,
        count(distinct object) filter (where source_id is not null) as people,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from problems
    where occurred_at <= as_of
    group by job_id, fingerprint
)
-- The rest is the same for all problems of a cause, so it is read of the newest alone.
select
    c.job_id,
    c.fingerprint,
    c.tenant_id,
    c.app_name,
    p.source_type,
    p.code,
    c.category,
    p.http_status,
    p.scim_type,
    p.step_type,
    c.attribute,
    p.detail,
    p.status,
    p."action",
    p.event_id as newest_event_id,
    c.events,
    c.people,
    c.first_seen_at,
    c.last_seen_at
from counted c
join problems p on p.order_key = c.order_key and p.fingerprint = c.fingerprint and p.job_id is not distinct from c.job_id;

-- issue_names(lives): one row per cause of a table with lists of ids, with whom it hit and who waits, by name, up to a
-- thousand.
--   job_id         the job
--   fingerprint    the cause
--   names          whom it hit
--   waiting_names  who still waits
create or replace macro issue_names(lives) as table
with ids as (
    select job_id, fingerprint, unnest(source_ids) as source_id, false as waits from query_table(lives)
    union all
    select job_id, fingerprint, unnest(waiting_ids), true from query_table(lives)
), people_names as (
    select i.job_id, i.source_id, coalesce(identity_name(p.upn, p.source_name, p.named_key), i.source_id) as "name"
    from (select distinct job_id, source_id from ids) i
    join identity_parts p on p.job_id = i.job_id and p.source_id = i.source_id
    group by i.job_id, i.source_id
)
select i.job_id, i.fingerprint, list(c."name" order by c."name") filter (where not i.waits) as names,
    list(c."name" order by c."name") filter (where i.waits) as waiting_names
from ids i
join people_names c on c.job_id = i.job_id and c.source_id = i.source_id
group by i.job_id, i.fingerprint;

-- error_issues(as_of): one row per cause in each job with its state, as of an instant. Its age is counted in the job's
-- completed cycles: new or regressed for its first three, resolved when nobody waited for three. Quiet: nobody waits
-- any more, or no try for a day, the longest that Entra lets pass. Escalating: half as many people more than before
-- the newest completed cycle, and two at least.
--   job_id           the job
--   fingerprint      the cause that failures share
--   tenant_id        the tenant
--   app_name         the app's name
--   source_type      User, Group or another kind of object
--   code             the error code, else the reason of a skip
--   category         Graph's category of the error
--   http_status      the answer's HTTP status
--   scim_type        the SCIM error type
--   step_type        the kind of step that failed
--   attribute        the attribute
--   detail           the message, normalised
--   status           how the event ended
--   action           what was to be done
--   newest_event_id  the newest event
--   events           its events
--   people           distinct objects
--   waiting          objects that still have the problem
--   first_seen_at    the first event
--   last_seen_at     the newest event's time
--   episode_at       when the newest episode began
--   episodes         how many there were
--   settled_at       when the last object was settled; null while one waits
--   cycles_since     completed cycles since it last hit somebody
--   names            whom it hit, up to a thousand
--   waiting_names    who still waits, up to a thousand
--   cause            what it is known as in knowledge/causes.toml; null where it is not
--   fault            who can fix it: the cause's owner, else by owner_of
--   state            new, regressed, escalating, ongoing, quiet or resolved
create or replace macro error_issues(as_of) as table
with waits as materialized (
    select * from problem_waits(as_of)
), issue_rows as materialized (
    select * from issue_causes(as_of)
), issue_lives as materialized (
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
    from waits
    group by job_id, fingerprint
), newest_episodes as (
    select job_id, fingerprint, min(since) as episode_at, min(since_ordinal) as episode_ordinal
    from waits
    group by job_id, fingerprint, episode
    qualify row_number() over (partition by job_id, fingerprint order by episode desc) = 1
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
    t."action",
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
    k.cause,
    owner_of(k.owner, t.category, t.step_type) as fault,
    case
        when l.waiting = 0 and l.ordinal - l.ended_ordinal >= 3 then 'resolved'
        when l.episodes > 1 and l.ordinal - b.episode_ordinal < 3 then 'regressed'
        when l.ordinal - b.episode_ordinal < 3 then 'new'
        when l.waiting >= l.waited + 2 and l.waiting >= 1.5 * l.waited then 'escalating'
        when l.waiting = 0 or t.last_seen_at < as_of::timestamp - interval 25 hour then 'quiet'
        else 'ongoing'
    end as state
from issue_rows t
join issue_lives l on l.job_id is not distinct from t.job_id and l.fingerprint = t.fingerprint
join newest_episodes b on b.job_id is not distinct from t.job_id and b.fingerprint = t.fingerprint
left join issue_names('issue_lives') m on m.job_id = t.job_id and m.fingerprint = t.fingerprint
left join causes_of('issue_rows') k on k.job_id is not distinct from t.job_id and k.fingerprint = t.fingerprint;
