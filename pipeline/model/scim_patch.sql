-- What SCIM bodies say about a group's members, in the dialects that Entra and others speak.

-- member_id(member): a member's id in one of its spellings: {"value": "id"}, {"$ref": ".../Users/id"}, "id".
create or replace macro member_id(member) as
    case json_type(member)
        when 'OBJECT' then coalesce(nullif(member ->> '$.value', ''), nullif(member ->> '$.Value', ''),
            nullif(regexp_extract(member ->> '$."$ref"', '[^/]+$'), ''))
        when 'NULL' then null
        else nullif(trim(member ->> '$'), '')
    end;

-- unwrapped(value): a JSON value; where it is a text of an object or a list, that object or list.
create or replace macro unwrapped("value") as
    case
        when json_type("value") = 'VARCHAR' and json_type(try_cast("value" ->> '$' as json)) in ('ARRAY', 'OBJECT')
            then try_cast("value" ->> '$' as json)
        else "value"
    end;

-- member_ids(value): the ids in a value of members: a list, a single object or a text.
create or replace macro member_ids("value") as
    list_transform([unwrapped("value")], lambda v: coalesce(list_filter(case json_type(v)
        when 'ARRAY' then list_transform(json_extract(v, '$[*]'), lambda m: member_id(m))
        else [member_id(v)]
    end, lambda m: m is not null), []))[1];

-- members_within(resource): the members of an operation without a path, or of a whole resource; null where it does not
-- have them.
create or replace macro members_within(resource) as
    list_filter(json_extract(unwrapped(resource), ['$.members', '$.Members',
        '$."urn:ietf:params:scim:schemas:core:2.0:Group".members',
        '$."urn:ietf:params:scim:schemas:core:2.0:Group:members"']), lambda v: v is not null)[1];

-- member_operations(body): what a PatchOp does to a group's members, in order, in any of the dialects that Entra and
-- others use: op is add, remove, replace (these and no others) or empty (a remove without a value, a replace with
-- none).
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

-- body_members(method, body): what any request that writes a group does to its members, as member_operations: a PUT or
-- POST of the whole replaces, if it names members.
create or replace macro body_members("method", body) as
    case
        when not json_valid(body) then []
        when "method" = 'PATCH' then member_operations(body::json)
        when members_within(body::json) is null then []
        when len(member_ids(members_within(body::json))) = 0 then [{'op': 'empty', 'members': []::varchar[]}]
        else [{'op': 'replace', 'members': member_ids(members_within(body::json))}]
    end;

-- patch_members(body): one row per member that a PATCH's body names.
--   ordinal  the operation's place, from 1
--   op       add, remove, replace or empty
--   member   the member's id; null where all are removed
create or replace macro patch_members(body) as table
select ordinal, operation.op as op, unnest(case when operation.op = 'empty' then [null] else operation.members end) as "member"
from (
    select generate_subscripts(operations, 1) as ordinal, unnest(operations) as operation
    from (select member_operations(body::json) as operations)
);
