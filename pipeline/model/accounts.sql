-- Accounts and groups as the app's own answers show them.

-- scim_value(body, attribute): the value that a resource has under an attribute as mappings spell it: title,
-- name.givenName, emails[type eq "work"].value, urn:…:User:department. Null where it has none there.
create or replace macro scim_value(body, attribute) as
    nullif(case
        when attribute like 'urn:%:%'
            then json_extract_string(body, '$."' || regexp_replace(attribute, ':[^:]+$', '') || '".'
                || regexp_extract(attribute, '([^:]+)$', 1))
        when attribute like '%[type eq %].%' then list_filter(
            json_extract(body, '$.' || regexp_extract(attribute, '^(\w+)', 1))::json[],
            lambda one: one ->> '$.type' = regexp_extract(attribute, 'eq "(.*?)"', 1)
        )[1] ->> ('$.' || regexp_extract(attribute, '\]\.(\w+)', 1))
        when regexp_matches(attribute, '^\w+(\.\w+)*$') then json_extract_string(body, '$.' || attribute)
    end, '');

-- resource_in(body): the one resource in an answer: the answer itself, or the first result of a search.
create or replace macro resource_in(body) as
    case when json_valid(body) then coalesce(json_extract(body, '$.Resources[0]'), body::json) end;

-- answers_between(since, until): one row per successful answer of the app in a stretch of time, both ends included,
-- that may show an account.
--   exchange_id    the SCIM request
--   app_id         the app's service principal, as far as that can be decided
--   occurred_at    when it happened
--   method         the HTTP method
--   filter         the SCIM filter
--   operation      what the request does, such as query, create or disable
--   resource_id    the object's id in the app
--   response_body  the answer's body
create or replace macro answers_between(since, until) as table
select exchange_id, app_id, occurred_at, "method", "filter", operation, resource_id, response_body
from app_requests(since, until + interval 1 microsecond)
where "method" in ('GET', 'PATCH', 'PUT') and http_status < 300;
