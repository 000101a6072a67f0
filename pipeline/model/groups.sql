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
-- taken_since: only groups out of which somebody may have been taken after an instant, by an event or by a request.
create or replace macro group_records(
    as_of, only_group := '', only_job := '', most := 1000000, taken_since := timestamp '-infinity'
) as table
with homes as materialized (
    -- Whose an id in the app is. Only what any part calls a group is folded: groups are few beside people.
    select lower(target_id) as target_id, any_value(job_id) as job_id, any_value(source_id) as source_id
    from (
        select job_id, source_id, arg_max(target_id, target_key) as target_id
        from identity_parts
        where source_id in (select source_id from identity_parts where lower(source_type) = 'group')
        group by job_id, source_id
        having lower(arg_max_null(source_type, named_key)) = 'group'
    )
    where target_id is not null
    group by all
), addresses as materialized (
    -- The group that requests are about, by its id in the app; an app's log need not name the job. Counted before they are
    -- joined, and without the bodies, which are read of the chosen only.
    select
        x.resource_id,
        h.job_id,
        coalesce(h.source_id, x.resource_id) as group_id,
        object_number(h.job_id, coalesce(h.source_id, x.resource_id)) as object,
        x.requests,
        x.failed,
        x.taken
    from (
        select resource_id, count(*) as requests, count(*) filter (where http_status >= 300) as failed,
            count(*) filter (where "method" in ('PUT', 'DELETE')) as taken
        from exchanges
        where resource_type = 'Group' and resource_id is not null and occurred_at <= as_of
        group by all
    ) x
    left join homes h on h.target_id = lower(x.resource_id)
), taken_from as materialized (
    -- Nothing is read for it unless it was asked for.
    select object_number(job_id, source_id) as object
    from member_claims
    where taken_since > timestamp '-infinity' and occurred_at > taken_since and occurred_at <= as_of and op = 'remove'
    union
    select a.object
    from exchanges x
    join addresses a on a.resource_id = x.resource_id
    where taken_since > timestamp '-infinity'
        and x.occurred_at > taken_since
        and x.occurred_at <= as_of
        and x.resource_type = 'Group'
        and (x."method" in ('PUT', 'POST', 'DELETE')
            or x."method" = 'PATCH' and regexp_matches(x.request_body, '(?i)remove|replace'))
), chosen as materialized (
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
        from addresses
        where only_group = '' or group_id = only_group
    )
    where (only_job = '' or job_id = only_job)
        and (taken_since = timestamp '-infinity' or object_number(job_id, group_id) in (from taken_from))
    group by job_id, group_id
    order by sum(unresolved) > 0 desc, sum(unresolved + failed) desc, sum(taken) desc, group_id, job_id
    limit most
), requests as materialized (
    -- What a request did, or the members in its answer: 'embers' is in either spelling of them and cheap to look for.
    -- A list of ids that was filtered has DuckDB look for them while it reads, so that it does not unpack the bodies of
    -- the others; hence requests > 0 here and claims > 0 below, which say nothing new.
    select
        a.object,
        x.exchange_id,
        x.occurred_at,
        x.http_status,
        case "method"
            when 'DELETE' then [{'op': 'delete', 'members': []::varchar[]}]
            when 'POST' then [{'op': 'create', 'members': []::varchar[]}] || body_members("method", request_body)
            when 'PATCH' then body_members("method", request_body)
            when 'PUT' then body_members("method", request_body)
            else []
        end as operations,
        case
            when "method" = 'GET' and http_status = 200 and contains(response_body, 'embers')
                and json_valid(response_body) then members_within(response_body::json)
        end as listed
    from exchanges x
    join (
        from addresses where requests > 0 and object in (select object from chosen)
    ) a on a.resource_id = x.resource_id
    where x.resource_type = 'Group' and x.occurred_at <= as_of
), told as (
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
    where occurred_at <= as_of and source_id in (select group_id from chosen where claims > 0)
        and object_number(job_id, source_id) in (select object from chosen)
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
        from requests
    )
), words as materialized (
    -- What a unit says before it replaces or empties the group counts for nothing.
    select
        *,
        max(case when op in ('replace', 'empty', 'delete', 'create') then ordinal end) over one as reset_ordinal,
        bool_or(op = 'unresolved') over one as names_some
    from (select *, dense_rank() over (partition by object order by occurred_at, ref) as unit from told)
    window one as (partition by object, unit)
), units as materialized (
    -- next_reset: the next unit of the group that left nothing of what was before it.
    select *, min(case when resets then unit end) over (
        partition by object order by unit rows between 1 following and unbounded following) as next_reset
    from (
        select
            object,
            unit,
            any_value(occurred_at) as occurred_at,
            any_value(source) as source,
            any_value(ref) as ref,
            any_value(outcome) as outcome,
            list(distinct op order by op) as ops,
            any_value(outcome) = 'done' and any_value(reset_ordinal) is not null as resets
        from words
        group by object, unit
    )
), answers as materialized (
    select object, exchange_id, occurred_at, member_ids(listed) as members
    from requests
    where listed is not null
    qualify row_number() over (partition by object order by occurred_at desc, exchange_id) = 1
), spoken as materialized (
    select distinct object, unnest(members) as word from words
    union
    select distinct object, unnest(members) from answers
), spelled as materialized (
    select distinct lower(word) as word from spoken
), names as materialized (
    -- Which object a word for a member means: its id in Entra, its UPN, its name if nobody else has it, or, in one job,
    -- its id in the app.
    select told.job_id as job_id, told.word as word, any_value(source_id) as source_id, any_value("name") as "name"
    from (
        select source_id, coalesce(upn, source_name, source_id) as "name", unnest([
            {'job_id': null::varchar, 'word': lower(source_id)},
            {'job_id': null::varchar, 'word': lower(upn)},
            {'job_id': null::varchar, 'word': lower(source_name)},
            {'job_id': job_id, 'word': lower(target_id)}
        ]) as told
        from (
            -- As the view identities, of those alone whom any part calls by such a word.
            select job_id, source_id, arg_max_null(upn, named_key) as upn,
                arg_max_null(source_name, named_key) as source_name, arg_max(target_id, target_key) as target_id
            from identity_parts
            where source_id in (
                select source_id
                from identity_parts
                where lower(source_id) in (from spelled) or lower(upn) in (from spelled)
                    or lower(source_name) in (from spelled) or lower(target_id) in (from spelled)
            )
            group by job_id, source_id
        )
    )
    where told.word in (from spelled)
    group by told.job_id, told.word
    having count(distinct source_id) = 1
), meant as materialized (
    -- Whom a word means in a group: one id for each object. What comes after reckons with its number, who: sorting by
    -- three ids instead takes several times as long.
    select *, hash(object, member_id) as who
    from (
        select
            s.object,
            s.word,
            coalesce(t.source_id, g.source_id, s.word) as member_id,
            coalesce(t."name", g."name", s.word) as "name",
            coalesce(t.source_id, g.source_id) is not null as known
        from spoken s
        join chosen c on c.object = s.object
        left join names t on t.job_id = c.job_id and t.word = lower(s.word)
        left join names g on g.job_id is null and g.word = lower(s.word)
    )
), people as materialized (
    select who, any_value(object) as object, any_value(member_id) as member_id, any_value("name") as "name",
        bool_or(known) as known
    from meant
    group by who
), mentions as materialized (
    -- The last word of a unit on each member that it names.
    select
        s.object,
        s.unit,
        m.who,
        case when arg_max(s.op, s.ordinal) = 'remove' then 'out' else 'in' end as verb,
        case
            when bool_or(s.op = 'unresolved') then 'unresolved'
            when any_value(s.outcome) = 'failed' and any_value(s.names_some) then 'not refused'
            else any_value(s.outcome)
        end as outcome
    from (
        select object, unit, op, ordinal, outcome, names_some, unnest(members) as word
        from words
        where reset_ordinal is null or ordinal >= reset_ordinal
    ) s
    join meant m on m.object = s.object and m.word = s.word
    group by s.object, s.unit, m.who
), spans as materialized (
    -- From the unit that brought a member to the next one that decides about it; null while there is none. goes_on: the
    -- member was in already; stays: what ended it brought the member again.
    select
        object,
        who,
        unit as since_unit,
        least(next_unit, next_reset) as until_unit,
        coalesce(was = 'in' and coalesce(was_reset >= unit, true), false) as goes_on,
        coalesce(becomes = 'in' and next_unit = least(next_unit, next_reset), false) as stays
    from (
        select
            m.object,
            m.who,
            m.unit,
            m.verb,
            u.next_reset,
            lead(m.unit) over own as next_unit,
            lead(m.verb) over own as becomes,
            lag(m.verb) over own as was,
            lag(u.next_reset) over own as was_reset
        from mentions m
        join units u on u.object = m.object and u.unit = m.unit
        where m.outcome in ('done', 'not refused')
        window own as (partition by m.who order by m.unit)
    )
    where verb = 'in'
), moved as (
    select s.object, s.unit, list(p."name" order by p."name") filter (s.came) as added,
        list(p."name" order by p."name") filter (not s.came) as lost
    from (
        select object, who, since_unit as unit, true as came from spans where not goes_on
        union all
        select object, who, until_unit, false from spans where until_unit is not null and not stays
    ) s
    join people p on p.who = s.who
    group by s.object, s.unit
), counted as (
    select
        u.*,
        coalesce(m.added, []) as added,
        coalesce(m.lost, []) as lost,
        coalesce(n.unresolved, []) as unresolved,
        sum(coalesce(len(m.added), 0) - coalesce(len(m.lost), 0))
            over (partition by u.object order by u.unit)::bigint as after
    from units u
    left join moved m on m.object = u.object and m.unit = u.unit
    left join (
        select m.object, m.unit, list(p."name" order by p."name") as unresolved
        from mentions m
        join people p on p.who = m.who
        where m.outcome = 'unresolved'
        group by m.object, m.unit
    ) n on n.object = u.object and n.unit = u.unit
), unit_lists as (
    select object, max(occurred_at) as last_at, list({
        'unit': unit, 'occurred_at': occurred_at, 'source': source, 'ref': ref, 'outcome': outcome, 'ops': ops,
        'before': after - len(added) + len(lost), 'after': after, 'added': added, 'lost': lost,
        'unresolved': unresolved, 'flag': case
            when outcome <> 'done' then null
            when list_contains(ops, 'delete') then 'deleted'
            when list_contains(ops, 'create') then null
            when after = 0 and (len(lost) > 0 or list_contains(ops, 'empty')) then 'emptied'
            when len(lost) > 1 and after < (after - len(added) + len(lost)) / 2 then 'halved'
        end
    } order by unit) as units
    from counted
    group by object
), stands as (
    -- The last unit that spoke of a member, and the first since which all said the same.
    select who, any_value(object) as object, max(unit) as last_unit, max(unit) filter (where turned) as since_unit,
        arg_max(outcome, unit) as outcome, count(*) as attempts
    from (
        select *, verb is distinct from lag(verb) over own or outcome is distinct from lag(outcome) over own as turned
        from mentions
        window own as (partition by who order by unit)
    )
    group by who
), member_lists as (
    select w.object, list({
        'member_id': p.member_id, 'name': p."name", 'known': p.known, 'state': case
            when w.outcome = 'unresolved' then 'unresolved'
            when i.who is not null and w.outcome = 'not refused' then 'not refused'
            when i.who is not null then 'in place'
            when w.outcome in ('failed', 'refused') then 'failed'
            when w.outcome = 'unknown' then 'unknown'
            else 'removed'
        end,
        'since': s.occurred_at, 'last_at': l.occurred_at, 'attempts': w.attempts, 'source': l.source, 'ref': l.ref
    } order by p."name", p.member_id) as members
    from stands w
    join people p on p.who = w.who
    join units s on s.object = w.object and s.unit = w.since_unit
    join units l on l.object = w.object and l.unit = w.last_unit
    left join spans i on i.until_unit is null and i.who = w.who
    group by w.object
), compared as (
    -- Everybody in an answer, everybody whom the records imply then, and who is in only one of the two.
    select c.object, any_value(p."name") as "name", bool_or(c.listed) as listed, bool_or(c.implied) as implied
    from (
        select a.object, m.who, true as listed, false as implied
        from (select object, unnest(members) as word from answers) a
        join meant m on m.object = a.object and m.word = a.word
        union all
        select s.object, s.who, false, true
        from spans s
        join answers a on a.object = s.object
        join units f on f.object = s.object and f.unit = s.since_unit
        left join units u on u.object = s.object and u.unit = s.until_unit
        where f.occurred_at <= a.occurred_at and (s.until_unit is null or u.occurred_at > a.occurred_at)
    ) c
    join people p on p.who = c.who
    group by c.object, c.who
), seen as (
    select
        a.object,
        {
            'exchange_id': any_value(a.exchange_id),
            'occurred_at': any_value(a.occurred_at),
            'seen': any_value(len(a.members)),
            'implied': count(*) filter (where c.implied),
            'missing': coalesce(list(c."name" order by c."name") filter (where not c.listed), []),
            'unexplained': coalesce(list(c."name" order by c."name") filter (where not c.implied), [])
        } as seen
    from answers a
    left join compared c on c.object = a.object
    group by a.object
)
select
    c.job_id,
    c.group_id,
    u.last_at,
    coalesce(u.units, []) as units,
    coalesce(m.members, []) as members,
    s.seen
from chosen c
left join unit_lists u on u.object = c.object
left join member_lists m on m.object = c.object
left join seen s on s.object = c.object
where u.object is not null or s.object is not null
