"""From what any SCIM log holds to the one canonical exchange.

An exchange is known by its request id; where a log has none, by its content and by how often the same line stood in
the file before, since a log that counts whole seconds may truly hold two equal lines.
"""

import re

from pipeline.config.booleans import FALSE, TRUE, boolean_pattern
from pipeline.config.secrets import NO_TOKEN
from pipeline.ingest.formats.events import instant, unescaped
from pipeline.ingest.records.instants import DateOrder
from pipeline.ingest.redaction import Redaction

COLLECTIONS = {
    "Users": "User",
    "Groups": "Group",
    "Schemas": "Schema",
    "ResourceTypes": "ResourceType",
    "ServiceProviderConfig": "ServiceProviderConfig",
    "ServiceProviderConfigs": "ServiceProviderConfig",
    "Bulk": "Bulk",
}
"What stands in a SCIM path, spelled so, with its resource: RFC 7644 has it, and Entra asks so."
FOLDED = {name.lower(): resource for name, resource in COLLECTIONS.items()} | {"me": "User"}
GUID = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
TEMPLATE = r"^(?:[{:\[]|%7B)"
"How a route writes an id, such as {id}, where a log has the route and not the path."
QUERY = r"""replace(regexp_replace(query, '(?i)\\x([0-9a-f]{2})', '%\1', 'g'), '+', ' ')"""
DECODED = f"coalesce(try(url_decode({QUERY})), {QUERY})"
"What cannot be decoded, since its bytes are no UTF-8, stays as the log has it."
FILTER = r"nullif(trim(regexp_extract(decoded, '(?i)(?:^|&)filter=([^&]*)', 1)), '')"
PROBE = rf"""regexp_matches("filter", '^(?i)(userName|displayName|emails.*|mail|id)\s+eq\s+"?{GUID}"?$')"""


def is_resource_path(target: str) -> bool:
    """Whether a path, or an address, is that of a SCIM resource or collection: see `resource_of`.

    >>> is_resource_path("/api/scim/v2/groups/contoso/Users/8d1f?x=1"), is_resource_path("/users/sign_in")
    (True, False)
    """
    path = re.sub(r"^https?://[^/]+", "", target).partition("?")[0].rstrip("/")
    parts = path.split("/")
    return any(
        part in COLLECTIONS or (part.lower() in FOLDED and "scim" in "/".join(parts[:place]).lower())
        for place in (-1, -2)
        for part in parts[place:][:1]
        if len(parts) >= -place
    )


def resource_of(part: str, behind: str) -> str:
    """Builds SQL for the resource whose collection a part of "path" names; null where it names none.

    It is spelled as the standard has it, unless `scim` stands before it: an app's own pages are `/users/sign_in`.
    `behind` is how many letters stand behind what is before it. No list of texts: DuckDB 1.5 makes a join of one, which
    loses the order of lines.
    """
    exact, anyhow = (
        " ".join(f"when '{name}' then '{resource}'" for name, resource in names.items())
        for names in (COLLECTIONS, FOLDED)
    )
    return f"""coalesce(case {part} {exact} end,
        case when contains(lower(left("path", -({behind}))), 'scim') then case lower({part}) {anyhow} end end)"""


def sets_active(to: tuple[str, ...]) -> str:
    """Builds SQL that is true for a request that sets `active`: as an operation, either way round, or as a member."""
    value = boolean_pattern(to)
    operation = rf'"active"\s*,\s*"value"\s*:\s*{value}'
    reverse = rf'"value"\s*:\s*{value}"?\s*,\s*"path"\s*:\s*"active"'
    member = rf'"active"\s*:\s*{value}'
    return f"regexp_matches(request_body, '(?i){operation}|{reverse}|{member}')"


def without_token(column: str) -> str:
    """Builds SQL for a column with the digest of a path's token in its place."""
    return f"case when token is null then {column} else replace({column}, token, {SHOWN}) end"


MEMBERS = r"""regexp_matches(request_body, '(?i)"path"\s*:\s*\\?"members')"""

RESOURCE_ID = """coalesce(nullif(in_path, ''), case when "method" = 'POST' then created_id end)"""
ADDRESS = r"""'/' || ltrim(
    regexp_extract(target, '^(?:https?://[^/]+|(?:[\w-]+\.)+[A-Za-z][\w-]*(?::\d+)?/)?([^?]*)', 1), '/')"""
"The path of an address, also without a scheme; a path that begins without a slash gets one."
TOKEN = rf"""nullif(regexp_extract(target,
    '/([\w~.=-]{{20,}})/(?:v[0-9][\w.]*/)?(?i:{"|".join(COLLECTIONS)})\b', 1), '')"""
NOT_A_TOKEN = f"^(?:{NO_TOKEN.pattern})"
IS_TOKEN = f"""not regexp_matches(may_be_token, '{NOT_A_TOKEN}') and (
    regexp_matches(may_be_token, '[0-9a-fA-F]{{33}}')
    or regexp_matches(may_be_token, '[a-z]') and regexp_matches(may_be_token, '[A-Z]')
        and regexp_matches(may_be_token, '[0-9]')
    or regexp_matches(may_be_token, '^[a-zA-Z0-9]{{24,}}$')
        and len(regexp_extract_all(may_be_token, '[0-9]')) > 3)"""
"""Some servers take the token as a part of the path before the collection, where others have the id of a tenant or a
directory: what is random is shown by its digest, so that different ones stay different. `is_path_token` is the same in
Python."""
SHOWN = "'id-' || left(md5(token), 8)"
CLIENT = r"""case when contains(client, ':') or contains(client, ',') then regexp_replace(regexp_replace(
    trim(split_part(client, ',', 1)), '^(?i)(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$', '\1'),
    '^\[(.*)\](?::\d+)?$', '\1') else client end"""
"Who asked, without a port, and the first where proxies are listed behind it."
HOST = r"""nullif(lower(regexp_replace(coalesce(nullif(host, ''),
    case when starts_with(target, 'http') then regexp_extract(target, '^https?://([^/]+)', 1) end), ':\d+$', '')),
    '-')"""

ROWS = f"""
select
    case when unread or (partial and request_id is null) then null else coalesce(request_id, digest) end as exchange_id,
    occurred_at,
    logged_tenant as tenant_id,
    app_id,
    "method",
    "path",
    resource_type,
    {RESOURCE_ID} as resource_id,
    "filter",
    case
        when "method" is null then null
        when resource_type not in ('User', 'Group') then 'discover'
        when "method" = 'GET' and "filter" is not null then case when {PROBE} then 'probe' else 'query' end
        when "method" = 'GET' then case when in_path = '' then 'list' else 'read' end
        when "method" = 'POST' and searches then 'query'
        when "method" = 'POST' then 'create'
        when "method" = 'DELETE' then 'delete'
        when "method" in ('PATCH', 'PUT') and resource_type = 'Group' and {MEMBERS} then 'members'
        when "method" in ('PATCH', 'PUT') and resource_type = 'User' and {sets_active(FALSE)} then 'disable'
        when "method" in ('PATCH', 'PUT') and resource_type = 'User' and {sets_active(TRUE)} then 'enable'
        when "method" in ('PATCH', 'PUT') then 'update'
        else 'other'
    end as operation,
    http_status,
    scim_type,
    {without_token("detail")} as detail,
    duration_ms,
    request_id,
    {CLIENT} as client,
    {without_token("request_body")} as request_body,
    {without_token("response_body")} as response_body,
    {HOST} as "log",
    partial,
    request_id is null as counted,
    not unread and case when partial then request_id is null or (resource_type is null and "path" is not null)
        else resource_type is null end as passed_over,
    former_digest as former_id,
    case when resource_type is not null and length("path") > 40
        then nullif(lower(regexp_extract("path", '/({GUID})/', 1)), '') end as path_tenant,
    number
from (
    select
        *,
        {FILTER} as "filter",
        case when http_status >= 400
            then nullif(regexp_extract(response_body, '"scimType"\\s*:\\s*"([^"]*)"', 1), '') end as scim_type,
        case when http_status >= 400 then {unescaped("raw_detail")} end as detail,
        case when request_id is null then md5(concat_ws('|', logged_at, "method", full_target, status,
            logged_ms, client, request_body, response_body)) end as digest,
        case when request_id is null and may_differ then nullif(md5(concat_ws('|', logged_at, "method", target, status,
            former_ms, former_client, request_body, response_body)), digest) end as former_digest
    from (
        select
            *,
            coalesce(named_last, named_before) as resource_type,
            case when named_last is null and named_before is not null and last_part <> '.search'
                and not regexp_matches(last_part, '{TEMPLATE}') then last_part else '' end as in_path,
            coalesce(last_part = '.search', false) as searches,
            case when response_body is not null
                then nullif(regexp_extract(response_body, '"id"\\s*:\\s*"([^"]+)"', 1), '') end as created_id,
            case when (named_last is not null or named_before is not null) and query <> ''
                then {DECODED} else '' end as decoded,
            case when http_status >= 400 then
                nullif(regexp_extract(response_body, '"detail"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"', 1), '') end
                as raw_detail
        from (
            select *, {resource_of("last_part", "len(last_part)")} as named_last,
                {resource_of("part_before", "len(last_part) + len(part_before)")} as named_before
            from (
                select *, parts[-1] as last_part, parts[-2] as part_before
                from (
                    select
                        number,
                        {{occurred_at}} as occurred_at,
                        logged_at,
                        nullif(tenant_id, '') as logged_tenant,
                        nullif(app_id, '') as app_id,
                        upper(nullif("method", '')) as "method",
                        case when length(target) > 28 then {TOKEN} end as may_be_token,
                        case when may_be_token is not null and {IS_TOKEN} then may_be_token end as token,
                        nullif(case when starts_with(target, '/') then split_part(target, '?', 1)
                            else {ADDRESS} end, '') as whole_path,
                        case when token is null then whole_path else replace(whole_path, token, {SHOWN}) end as "path",
                        string_split(rtrim("path", '/'), '/') as parts,
                        target,
                        full_target,
                        case when contains(full_target, '?') then substr(full_target, strpos(full_target, '?') + 1)
                            else '' end as query,
                        status,
                        try_cast(status as integer) as http_status,
                        duration_ms as logged_ms,
                        try_cast(round(duration_ms) as bigint) as duration_ms,
                        nullif(request_id, '') as request_id,
                        nullif(nullif(client, '-'), '') as client,
                        host,
                        nullif(nullif(request_body, ''), '-') as request_body,
                        nullif(nullif(response_body, ''), '-') as response_body,
                        former_ms,
                        former_client,
                        may_differ,
                        unread,
                        partial
                    from (
                        select *, case when query is null or contains(target, '?') then target
                            else target || '?' || query end as full_target
                        from ({{relation}})
                    )
                )
            )
        )
    )
)
"""


IDS = ("exchange_id", "tenant_id", "app_id", "resource_id", "request_id")
TEXTS = (
    *IDS, '"method"', '"path"', '"filter"', "scim_type", "detail", "client", "request_body", "response_body", '"log"',
)  # fmt: skip


def exchange_rows(relation: str, redaction: Redaction, order: DateOrder = "") -> str:
    """Builds SQL for the columns of `exchanges` from a relation of logged exchanges.

    After them: `partial`, one line of several that make an exchange; `counted`, known by its content; `passed_over`, no
    SCIM request; `former_id`, what version 0.1 called it; `path_tenant`, what may be a tenant in its path.
    """
    rows = ROWS.replace("{occurred_at}", instant("logged_at", order))
    return redaction(rows.replace("{relation}", relation), TEXTS, {}, IDS)


def body(value: str) -> str:
    """Builds SQL for a body as text, whether it was logged as an object or as a string of JSON."""
    text = f"when json_type({value}) = 'VARCHAR' then {value}->>'$'"
    return f"case {text} when json_type({value}) <> 'NULL' then {value}::varchar end"
