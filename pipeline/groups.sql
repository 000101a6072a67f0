-- Who is a member of which group in the app, as far as the records tell. Read after scope.sql.

-- member_id: a member's id in one of its spellings: {"value": "id"}, {"$ref": ".../Users/id"}, "id".
create or replace macro member_id(member) as
    case json_type(member)
        when 'OBJECT' then coalesce(nullif(member ->> '$.value', ''), nullif(member ->> '$.Value', ''),
            nullif(regexp_extract(member ->> '$."$ref"', '[^/]+$'), ''))
        when 'NULL' then null
        else nullif(trim(member ->> '$'), '')
    end;

-- unwrapped: a value; where it is a text that holds an object or a list, what it holds.
create or replace macro unwrapped("value") as
    case
        when json_type("value") = 'VARCHAR' and json_type(try_cast("value" ->> '$' as json)) in ('ARRAY', 'OBJECT')
            then try_cast("value" ->> '$' as json)
        else "value"
    end;

-- member_ids: the ids in a value of members: a list, a single object or a text.
create or replace macro member_ids("value") as
    list_transform([unwrapped("value")], lambda v: coalesce(list_filter(case json_type(v)
        when 'ARRAY' then list_transform(json_extract(v, '$[*]'), lambda m: member_id(m))
        else [member_id(v)]
    end, lambda m: m is not null), []))[1];

-- members_within: the members of an operation without a path, or of a whole resource; null where it does not speak of them.
create or replace macro members_within(resource) as
    list_filter(json_extract(unwrapped(resource), ['$.members', '$.Members',
        '$."urn:ietf:params:scim:schemas:core:2.0:Group".members',
        '$."urn:ietf:params:scim:schemas:core:2.0:Group:members"']), lambda v: v is not null)[1];

-- member_operations: what a PatchOp does to a group's members, in order, in any of the dialects that Entra and others
-- speak: op is add, remove, replace (these and no others) or empty (a remove without a value, a replace with none).
create or replace macro member_operations(body) as
    coalesce(list_filter(list_transform(
        list_transform(
            coalesce(nullif(json_extract(body, '$.Operations[*]'), []), json_extract(body, '$.operations[*]')),
            lambda o: {
                'verb': lower(coalesce(o ->> '$.op', o ->> '$.Op')),
                'path': coalesce(nullif(trim(coalesce(o ->> '$.path', o ->> '$.Path')), ''), ''),
                'value': coalesce(o -> '$.value', o -> '$.Value')
            }),
        lambda o: case
            when regexp_matches(o.path, '(?i)^(urn:\S*:)?members\s*\[[^\]]*\]$') then case
                when o.verb in ('add', 'remove') then {
                    'op': o.verb,
                    'members': regexp_extract_all(o.path, '(?i)value\s+eq\s+["'']?([^"''\]\s]+)', 1)} end
            when o.path = '' and members_within(o."value") is null
                or o.path <> '' and not regexp_matches(o.path, '(?i)^(urn:\S*:)?members$') then null
            else list_transform(
                [case when o.path = '' then members_within(o."value") else o."value" end],
                lambda v: case
                    when o.verb = 'replace' and len(member_ids(v)) = 0 or o.verb = 'remove' and coalesce(json_type(v), 'NULL') = 'NULL'
                        then {'op': 'empty', 'members': []::varchar[]}
                    when o.verb in ('add', 'remove', 'replace') then {'op': o.verb, 'members': member_ids(v)}
                end)[1]
        end), lambda o: o is not null), []);

-- body_members: the same for any request that writes a group: a PUT or POST of the whole replaces, if it names members.
create or replace macro body_members("method", body) as
    case
        when not json_valid(body) then []
        when "method" = 'PATCH' then member_operations(body::json)
        when members_within(body::json) is null then []
        when len(member_ids(members_within(body::json))) = 0 then [{'op': 'empty', 'members': []::varchar[]}]
        else [{'op': 'replace', 'members': member_ids(members_within(body::json))}]
    end;

-- patch_members: the operations of a PATCH's body on members, a row for each member; no member where all are removed.
create or replace macro patch_members(body) as table
select ordinal, told.op as op, unnest(case when told.op = 'empty' then [null] else told.members end) as "member"
from (
    select generate_subscripts(operations, 1) as ordinal, unnest(operations) as told
    from (select member_operations(body::json) as operations)
);

-- listed: the ids or names in an attribute's value, a text with commas or a list in JSON.
create or replace macro listed(words) as
    case
        when words is null then []
        when json_type(try_cast(words as json)) = 'ARRAY' then member_ids(try_cast(words as json))
        else list_filter(list_transform(regexp_split_to_array(words, '\s*[,;]\s*'), lambda w: trim(w)), lambda w: w <> '')
    end;

-- unassigned_of: whom an event could not make a member, by the sentence that Entra has for it.
create or replace macro unassigned_of(reason, steps) as
    listed(nullif(list_filter(
        list_transform(list_concat([reason], coalesce(list_transform(steps, lambda s: s.description), [])),
            lambda w: regexp_extract(w, '(?is)unable to assign (.+?) as the members? of ', 1)),
        lambda w: w <> '')[1], ''));

-- member_rows: what the events of a table say about groups' members, a row for each member: add, remove or unresolved.
create or replace macro member_rows(source) as table
select event_id, job_id, source_id, occurred_at, status, told.op as op, unnest(told.members) as "member"
from (
    select event_id, job_id, source_id, occurred_at, status, unnest([
        {'op': 'add', 'members': list_filter(now_in, lambda m: not list_contains(was_in, m))},
        {'op': 'remove', 'members': list_filter(was_in, lambda m: not list_contains(now_in, m))},
        {'op': 'unresolved', 'members': unassigned}
    ]) as told
    from (
        select *, listed(change.old_value) as was_in, listed(change.new_value) as now_in
        from (
            select
                event_id,
                job_id,
                source_id,
                occurred_at,
                status,
                list_filter(changes, lambda c: regexp_matches(c.attribute, '(?i)^(urn:.*:)?members?$'))[1] as change,
                case when status in ('failure', 'warning') then unassigned_of(reason, steps) end as unassigned
            from query_table(source)
            where lower(source_type) = 'group' and source_id is not null
                and status in ('success', 'warning', 'failure')
        )
    )
);

-- A store of an earlier version has events whose members nobody has told; fold.sql says the same of what arrives.
insert into member_claims by name select * from member_rows('events') where not exists (select 1 from member_claims);

-- wire_groups: the group that a SCIM request is about, by its id in the app; an app's log need not name the job.
create or replace view wire_groups as
select
    x.exchange_id,
    g.job_id,
    coalesce(g.source_id, x.resource_id) as group_id,
    x.occurred_at,
    x."method",
    x.http_status,
    x.request_body,
    x.response_body
from exchanges x
left join (
    select lower(target_id) as target_id, any_value(job_id) as job_id, any_value(source_id) as source_id
    from identities
    where lower(source_type) = 'group' and target_id is not null
    group by all
) g on g.target_id = lower(x.resource_id)
where x.resource_type = 'Group' and x.resource_id is not null;

-- group_records: each group (or only one) with everything that is known of its members up to an instant, in three parts.
--
-- units: each event or request that spoke of its members and what it did: how many it found, by all records before it, who
--     came and went; outcome is done, refused, failed, or unknown where the log has no answer; flag is emptied, halved
--     where less than half were left, or deleted.
-- members: everybody that was ever spoken of, and how they stand: in place (an answer or an event says so), not refused
--     (an event failed and names others), unresolved, failed, unknown or removed; since when, and by which record last.
-- seen: the newest answer of the app that lists the members, beside what the records before it imply.
--
-- most: how many groups at most; those first that by a quick look have most members unresolved, failed or taken out.
create or replace macro group_records(as_of, only_group := '', only_job := '', most := 1000000) as table
with chosen as materialized (
    select object_number(job_id, group_id) as object
    from (
        select job_id, source_id as group_id, count(*) filter (where op = 'unresolved') as unresolved,
            count(*) filter (where status = 'failure') as failed, count(*) filter (where op = 'remove') as taken
        from member_claims
        where occurred_at <= as_of and (only_group = '' or source_id = only_group)
        group by all
        union all
        select job_id, group_id, 0, count(*) filter (where http_status >= 300),
            count(*) filter (where "method" in ('PUT', 'DELETE'))
        from wire_groups
        where occurred_at <= as_of and (only_group = '' or group_id = only_group)
        group by all
    )
    where only_job = '' or job_id = only_job
    group by job_id, group_id
    order by sum(unresolved) > 0 desc, sum(unresolved + failed) desc, sum(taken) desc, group_id, job_id
    limit most
), requests as materialized (
    from wire_groups
    where occurred_at <= as_of and object_number(job_id, group_id) in (from chosen)
), told as (
    select
        job_id,
        source_id as group_id,
        occurred_at,
        'event' as source,
        event_id as ref,
        case when status = 'failure' then 'failed' else 'done' end as outcome,
        1 as ordinal,
        op,
        list("member") as members
    from member_claims
    where occurred_at <= as_of and object_number(job_id, source_id) in (from chosen)
    group by all
    union all
    select job_id, group_id, occurred_at, 'wire', exchange_id, outcome, ordinal, operation.op, operation.members
    from (
        select * exclude (operations), generate_subscripts(operations, 1) as ordinal, unnest(operations) as operation
        from (
            select
                * exclude (request_body, response_body),
                case when http_status between 200 and 299 then 'done' when http_status is null then 'unknown'
                    else 'refused' end as outcome,
                case "method"
                    when 'DELETE' then [{'op': 'delete', 'members': []::varchar[]}]
                    when 'POST' then [{'op': 'create', 'members': []::varchar[]}] || body_members("method", request_body)
                    else body_members("method", request_body)
                end as operations
            from requests
            where "method" in ('PATCH', 'PUT', 'POST', 'DELETE')
        )
    )
), words as materialized (
    -- What a unit says before it replaces or empties the group counts for nothing.
    select
        *,
        max(case when op in ('replace', 'empty', 'delete', 'create') then ordinal end) over one as reset_ordinal,
        bool_or(op = 'unresolved') over one as names_some
    from (select *, dense_rank() over (partition by job_id, group_id order by occurred_at, ref) as unit from told)
    window one as (partition by job_id, group_id, unit)
), answers as materialized (
    select job_id, group_id, exchange_id, occurred_at, member_ids(listed) as members
    from (
        select *, members_within(response_body::json) as listed
        from requests
        where "method" = 'GET' and http_status = 200 and json_valid(response_body)
    )
    where listed is not null
    qualify row_number() over (partition by job_id, group_id order by occurred_at desc, exchange_id) = 1
), spoken as materialized (
    select distinct lower(unnest(members)) as word from words
    union
    select distinct lower(unnest(members)) from answers
), names as materialized (
    -- Which object a word for a member means: its id in Entra, its UPN, its name if nobody else has it, or, in one job, its
    -- id in the app.
    select told.job_id as job_id, told.word as word, any_value(source_id) as source_id, any_value("name") as "name"
    from (
        select source_id, coalesce(upn, source_name, source_id) as "name", unnest([
            {'job_id': null::varchar, 'word': lower(source_id)},
            {'job_id': null::varchar, 'word': lower(upn)},
            {'job_id': null::varchar, 'word': lower(source_name)},
            {'job_id': job_id, 'word': lower(target_id)}
        ]) as told
        from identities
        where lower(source_id) in (from spoken) or lower(upn) in (from spoken) or lower(source_name) in (from spoken)
            or lower(target_id) in (from spoken)
    )
    where told.word in (from spoken)
    group by told.job_id, told.word
    having count(distinct source_id) = 1
), units as materialized (
    select
        job_id,
        group_id,
        unit,
        any_value(occurred_at) as occurred_at,
        any_value(source) as source,
        any_value(ref) as ref,
        any_value(outcome) as outcome,
        list(distinct op order by op) as ops,
        any_value(outcome) = 'done' and any_value(reset_ordinal) is not null as resets
    from words
    group by job_id, group_id, unit
), mentions as materialized (
    -- The last word of a unit on each member that it names, under one id for each object.
    select
        s.job_id,
        s.group_id,
        s.unit,
        any_value(s.occurred_at) as occurred_at,
        any_value(s.source) as source,
        any_value(s.ref) as ref,
        coalesce(t.source_id, g.source_id, s.word) as member_id,
        any_value(coalesce(t."name", g."name", s.word)) as "name",
        any_value(coalesce(t.source_id, g.source_id)) is not null as known,
        case when arg_max(s.op, s.ordinal) = 'remove' then 'out' else 'in' end as verb,
        case
            when bool_or(s.op = 'unresolved') then 'unresolved'
            when any_value(s.outcome) = 'failed' and any_value(s.names_some) then 'not refused'
            else any_value(s.outcome)
        end as outcome
    from (
        select * exclude (members), unnest(members) as word
        from words
        where reset_ordinal is null or ordinal >= reset_ordinal
    ) s
    left join names t on t.job_id = s.job_id and t.word = lower(s.word)
    left join names g on g.job_id is null and g.word = lower(s.word)
    group by s.job_id, s.group_id, s.unit, coalesce(t.source_id, g.source_id, s.word)
), spans as materialized (
    -- From the unit that brought a member to the next one that decides about it; null while there is none.
    select
        m.job_id,
        m.group_id,
        m.member_id,
        m."name",
        m.unit as since_unit,
        m.occurred_at as since,
        least(m.next_unit, min(r.unit)) as until_unit,
        coalesce(lag(least(m.next_unit, min(r.unit))) over (
            partition by m.job_id, m.group_id, m.member_id order by m.unit) = m.unit, false) as goes_on
    from (
        select *, lead(unit) over (partition by job_id, group_id, member_id order by unit) as next_unit
        from mentions
        where outcome in ('done', 'not refused')
    ) m
    left join units r on r.resets and r.job_id is not distinct from m.job_id and r.group_id = m.group_id
        and r.unit > m.unit
    where m.verb = 'in'
    group by m.job_id, m.group_id, m.member_id, m."name", m.unit, m.occurred_at, m.next_unit
), moved as (
    select job_id, group_id, unit, list("name" order by "name") filter (came) as added,
        list("name" order by "name") filter (not came) as lost
    from (
        select job_id, group_id, since_unit as unit, "name", true as came from spans where not goes_on
        union all
        select job_id, group_id, until_unit, "name", false
        from (
            select *, coalesce(lead(goes_on) over (
                partition by job_id, group_id, member_id order by since_unit), false) as stays
            from spans
        )
        where until_unit is not null and not stays
    )
    group by all
), counted as (
    select
        u.*,
        coalesce(m.added, []) as added,
        coalesce(m.lost, []) as lost,
        coalesce(n.unresolved, []) as unresolved,
        sum(coalesce(len(m.added), 0) - coalesce(len(m.lost), 0))
            over (partition by u.job_id, u.group_id order by u.unit)::bigint as after
    from units u
    left join moved m on m.job_id is not distinct from u.job_id and m.group_id = u.group_id and m.unit = u.unit
    left join (
        select job_id, group_id, unit, list("name" order by "name") as unresolved
        from mentions
        where outcome = 'unresolved'
        group by all
    ) n on n.job_id is not distinct from u.job_id and n.group_id = u.group_id and n.unit = u.unit
), unit_lists as (
    select job_id, group_id, max(occurred_at) as last_at, list({
        'unit': unit, 'occurred_at': occurred_at, 'source': source, 'ref': ref, 'outcome': outcome, 'ops': ops,
        'before': after - len(added) + len(lost), 'after': after, 'added': added, 'lost': lost, 'unresolved': unresolved,
        'flag': case
            when outcome <> 'done' then null
            when list_contains(ops, 'delete') then 'deleted'
            when list_contains(ops, 'create') then null
            when after = 0 and (len(lost) > 0 or list_contains(ops, 'empty')) then 'emptied'
            when len(lost) > 1 and after < (after - len(added) + len(lost)) / 2 then 'halved'
        end
    } order by unit) as units
    from counted
    group by job_id, group_id
), stands as (
    select
        m.job_id,
        m.group_id,
        m.member_id,
        arg_max(m."name", m.unit) as "name",
        bool_or(m.known) as known,
        any_value(m.last_outcome) as outcome,
        min(m.occurred_at) filter (where m.unit > m.other_unit) as since,
        max(m.occurred_at) as last_at,
        count(*) as attempts,
        arg_max(m.source, m.unit) as source,
        arg_max(m.ref, m.unit) as ref
    from (
        select *, max(case when (verb, outcome) <> (last_verb, last_outcome) then unit else 0 end)
            over (partition by job_id, group_id, member_id) as other_unit
        from (
            select *, last_value(verb) over own as last_verb, last_value(outcome) over own as last_outcome
            from mentions
            window own as (partition by job_id, group_id, member_id order by unit
                rows between unbounded preceding and unbounded following)
        )
    ) m
    group by m.job_id, m.group_id, m.member_id
), member_lists as (
    select w.job_id, w.group_id, list({
        'member_id': w.member_id, 'name': w."name", 'known': w.known, 'state': case
            when w.outcome = 'unresolved' then 'unresolved'
            when p.member_id is not null and w.outcome = 'not refused' then 'not refused'
            when p.member_id is not null then 'in place'
            when w.outcome in ('failed', 'refused') then 'failed'
            when w.outcome = 'unknown' then 'unknown'
            else 'removed'
        end,
        'since': w.since, 'last_at': w.last_at, 'attempts': w.attempts, 'source': w.source, 'ref': w.ref
    } order by w."name", w.member_id) as members
    from stands w
    left join spans p on p.until_unit is null and p.job_id is not distinct from w.job_id and p.group_id = w.group_id
        and p.member_id = w.member_id
    group by w.job_id, w.group_id
), compared as (
    -- Everybody in an answer, everybody whom the records imply then, and who is in only one of the two.
    select job_id, group_id, member_id, any_value("name") as "name", bool_or(listed) as listed, bool_or(implied) as implied
    from (
        select a.job_id, a.group_id, coalesce(t.source_id, g.source_id, a.word) as member_id,
            coalesce(t."name", g."name", a.word) as "name", true as listed, false as implied
        from (select *, unnest(members) as word from answers) a
        left join names t on t.job_id = a.job_id and t.word = lower(a.word)
        left join names g on g.job_id is null and g.word = lower(a.word)
        union all
        select s.job_id, s.group_id, s.member_id, s."name", false, true
        from spans s
        join answers a on a.job_id is not distinct from s.job_id and a.group_id = s.group_id
        left join units u on u.job_id is not distinct from s.job_id and u.group_id = s.group_id and u.unit = s.until_unit
        where s.since <= a.occurred_at and (s.until_unit is null or u.occurred_at > a.occurred_at)
    )
    group by job_id, group_id, member_id
), seen as (
    select
        a.job_id,
        a.group_id,
        {
            'exchange_id': any_value(a.exchange_id),
            'occurred_at': any_value(a.occurred_at),
            'seen': any_value(len(a.members)),
            'implied': count(*) filter (where c.implied),
            'missing': coalesce(list(c."name" order by c."name") filter (where not c.listed), []),
            'unexplained': coalesce(list(c."name" order by c."name") filter (where not c.implied), [])
        } as seen
    from answers a
    left join compared c on c.job_id is not distinct from a.job_id and c.group_id = a.group_id
    group by a.job_id, a.group_id
)
select
    g.job_id,
    g.group_id,
    u.last_at,
    coalesce(u.units, []) as units,
    coalesce(m.members, []) as members,
    s.seen
from (select job_id, group_id from units union select job_id, group_id from answers) g
left join unit_lists u on u.job_id is not distinct from g.job_id and u.group_id = g.group_id
left join member_lists m on m.job_id is not distinct from g.job_id and m.group_id = g.group_id
left join seen s on s.job_id is not distinct from g.job_id and s.group_id = g.group_id;
