-- What in an app's answers is not as RFC 7644 has it, or not as Entra expects it.

-- verb_of(method, operation): a request's kind by which latency is compared: its method, with look-ups apart from
-- reads, and probes apart from all.
create or replace macro verb_of("method", operation) as
    case
        when operation in ('probe', 'discover') then operation
        when "method" = 'GET' and operation = 'query' then 'GET by filter'
        when "method" = 'GET' and operation = 'read' then 'GET by id'
        else "method"
    end;

-- lint_marks(method, operation, resource_type, http_status, scim_type, duration_ms, request_body, response_body,
-- slow_ms): what in a request and its answer is not as RFC 7644 has it, or not as Entra expects it, by name; the texts
-- are in pipeline/knowledge/scim_findings.py. Where a log has no bodies, these are not judged.
create or replace macro lint_marks("method", operation, resource_type, http_status, scim_type, duration_ms,
    request_body, response_body, slow_ms) as
    list_filter([
        case when operation in ('query', 'probe', 'list') and http_status = 404 then 'query_404' end,
        case when operation in ('query', 'probe') and http_status between 400 and 499
            and http_status not in (401, 403, 404, 429) then 'filter_refused' end,
        case when "method" = 'POST' and operation = 'create' and http_status between 200 and 299 and http_status <> 201
            then 'create_not_201' end,
        case when "method" = 'DELETE' and http_status between 200 and 299 and http_status <> 204
            then 'delete_not_204' end,
        case when "method" = 'PATCH' and resource_type = 'Group' and http_status between 200 and 299
            and http_status <> 204 then 'group_patch_not_204' end,
        case when "method" = 'PATCH' and http_status in (405, 501) then 'patch_unsupported' end,
        case when regexp_matches(request_body,
                '(?i)"active"\s*,\s*"value"\s*:\s*"(true|false)"|"active"\s*:\s*"(true|false)"')
            then case when http_status between 400 and 499 and http_status not in (401, 403, 404, 409, 429)
                then 'string_boolean_refused' else 'string_boolean' end end,
        case when http_status < 300 and regexp_matches(response_body, '(?i)"active"\s*:\s*"(true|false)"')
            then 'string_boolean_answered' end,
        case when operation = 'disable' and http_status = 200 and json_valid(response_body)
            and truth_value(json_extract_string(response_body, '$.active')) then 'disable_ignored' end,
        case when http_status in (400, 409) and json_valid(response_body) and scim_type is null then 'no_scim_type' end,
        case when "method" = 'POST' and operation = 'create' and http_status in (200, 201) and response_body is not null
            and not coalesce(json_valid(response_body) and json_extract_string(response_body, '$.id') <> '', false)
            then 'create_without_id' end,
        case when http_status >= 400 and response_body is not null and not json_valid(response_body)
            then 'error_not_json' end,
        case when http_status >= 400 and json_valid(response_body)
            and not contains(response_body, 'urn:ietf:params:scim:api:messages:2.0:Error') then 'error_not_scim' end,
        case when operation = 'query' and http_status = 200 and json_valid(response_body)
            and try_cast(json_extract_string(response_body, '$.totalResults') as integer) > 1
            then 'several_matches' end,
        case when duration_ms >= slow_ms then 'slow' end
    ], lambda m: m is not null);
