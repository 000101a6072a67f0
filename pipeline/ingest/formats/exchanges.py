"""From what any SCIM log holds to the one canonical exchange.

An exchange is known by its request id; where a log has none, by its content and by how often the same line stood in
the file before, since a log that counts whole seconds may truly hold two equal lines.
"""

from pipeline.config.booleans import FALSE, TRUE, boolean_pattern
from pipeline.config.secrets import redacted
from pipeline.ingest.formats.events import instant, unescaped

GUID = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
DECODED = r"""url_decode(replace(regexp_replace(query, '(?i)\\x([0-9a-f]{2})', '%\1', 'g'), '+', ' '))"""
FILTER = r"nullif(trim(regexp_extract(decoded, '(?i)(?:^|&)filter=([^&]*)', 1)), '')"
PROBE = rf"""regexp_matches("filter", '^(?i)(userName|displayName|emails.*|mail|id)\s+eq\s+"?{GUID}"?$')"""
RESOURCE = (
    r"""regexp_extract("path", '(?i)/(Users|Groups|Schemas|ResourceTypes|ServiceProviderConfigs?|Bulk|Me)(?:/|$)', 1)"""
)


def sets_active(to: tuple[str, ...]) -> str:
    """Builds SQL that is true for a request that sets `active`: as an operation, either way round, or as a member."""
    value = boolean_pattern(to)
    operation = rf'"active"\s*,\s*"value"\s*:\s*{value}'
    reverse = rf'"value"\s*:\s*{value}"?\s*,\s*"path"\s*:\s*"active"'
    member = rf'"active"\s*:\s*{value}'
    return f"regexp_matches(request_body, '(?i){operation}|{reverse}|{member}')"


MEMBERS = r"""regexp_matches(request_body, '(?i)"path"\s*:\s*\\?"members')"""

RESOURCE_ID = """coalesce(nullif(in_path, ''), case when "method" = 'POST' then created_id end)"""

ROWS = f"""
select
    coalesce(request_id, digest) as exchange_id,
    occurred_at,
    tenant_id,
    app_id,
    "method",
    {redacted('"path"')} as "path",
    resource_type,
    {redacted(RESOURCE_ID)} as resource_id,
    {redacted('"filter"')} as "filter",
    case
        when "method" is null then null
        when resource_type not in ('User', 'Group') then 'discover'
        when "method" = 'GET' and "filter" is not null then case when {PROBE} then 'probe' else 'query' end
        when "method" = 'GET' then case when in_path = '' then 'list' else 'read' end
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
    {redacted("detail")} as detail,
    duration_ms,
    request_id,
    client,
    {redacted("request_body")} as request_body,
    {redacted("response_body")} as response_body,
    partial,
    request_id is null as counted,
    number
from (
    select
        *,
        {FILTER} as "filter",
        case lower({RESOURCE})
            when 'users' then 'User' when 'me' then 'User' when 'groups' then 'Group' when 'schemas' then 'Schema'
            when 'resourcetypes' then 'ResourceType' when 'bulk' then 'Bulk' when '' then null
            else 'ServiceProviderConfig' end as resource_type,
        regexp_extract("path", '(?i)/(?:Users|Groups|Schemas|ResourceTypes)/([^/]+)', 1) as in_path,
        case when response_body is not null
            then nullif(regexp_extract(response_body, '"id"\\s*:\\s*"([^"]+)"', 1), '') end as created_id,
        case when http_status >= 400
            then nullif(regexp_extract(response_body, '"scimType"\\s*:\\s*"([^"]*)"', 1), '') end as scim_type,
        case when http_status >= 400 then {unescaped("raw_detail")} end as detail
    from (
        select
            *,
            case when query <> '' then {DECODED} else '' end as decoded,
            coalesce(logged_tenant, nullif(regexp_extract("path", '(?i)/({GUID})/(?:scim|Users|Groups)', 1), ''))
                as tenant_id,
            case when http_status >= 400 then
                nullif(regexp_extract(response_body, '"detail"\\s*:\\s*"((?:[^"\\\\]|\\\\.)*)"', 1), '') end
                as raw_detail
        from (
            select
                number,
                {instant("logged_at")} as occurred_at,
                nullif(tenant_id, '') as logged_tenant,
                nullif(app_id, '') as app_id,
                upper(nullif("method", '')) as "method",
                nullif(regexp_extract(target, '^(?:https?://[^/]+)?([^?]*)', 1), '') as "path",
                regexp_extract(target, '\\?(.*)$', 1) as query,
                status::integer as http_status,
                round(duration_ms)::bigint as duration_ms,
                nullif(request_id, '') as request_id,
                nullif(client, '-') as client,
                nullif(nullif(request_body, ''), '-') as request_body,
                nullif(nullif(response_body, ''), '-') as response_body,
                partial,
                case when coalesce(request_id, '') = '' then md5(concat_ws('|', logged_at, "method", target, status,
                    duration_ms, client, request_body, response_body)) end as digest
            from ({{relation}})
        )
    )
)
"""


def exchange_rows(relation: str) -> str:
    """Builds SQL for the columns of `exchanges` from a relation of logged exchanges.

    Two columns follow them: `partial`, one line of several that make an exchange, and `counted`, known by its content.
    """
    return ROWS.replace("{relation}", relation)


def body(value: str) -> str:
    """Builds SQL for a body as text, whether it was logged as an object or as a string of JSON."""
    text = f"when json_type({value}) = 'VARCHAR' then {value}->>'$'"
    return f"case {text} when json_type({value}) <> 'NULL' then {value}::varchar end"
