-- What an event and a request name of their object, and whether they are of a kind.

-- filter_value(filter): the value that a SCIM filter looks for: userName eq "ada@example.com". Most are spelled so;
-- the regular expression, which takes ten times as long, is for the others.
create or replace macro filter_value("filter") as
    case
        when contains(lower("filter"), ' eq "')
            then nullif(split_part(split_part(lower("filter"), ' eq "', 2), '"', 1), '')
        else lower(nullif(regexp_extract("filter", '(?i)\beq[ +]+(?:"|%22)?(.*?)(?:"|%22|$)', 1), ''))
    end;

-- request_object_keys(method, resource_id, filter, request_body, response_body): what a request names of its object,
-- in small letters: its id, the identity it was given, its name. Only bodies that have a whole resource are looked
-- into: a PATCH has its object's id in the path.
create or replace macro request_object_keys("method", resource_id, "filter", request_body, response_body) as
    list_distinct(list_filter(list_transform(
        [resource_id, filter_value("filter")]
            || case when "method" in ('POST', 'PUT') and json_valid(request_body)
                then json_extract_string(request_body, ['$.externalId', '$.userName', '$.displayName']) else [] end
            || case when resource_id is null and json_valid(response_body)
                then json_extract_string(response_body, ['$.id', '$.externalId', '$.userName']) else [] end,
        lambda k: lower(k)
    ), lambda k: k is not null and k <> ''));

-- claims_write(action, last_step): whether an event reports that something was written, or was to be, when it ended.
create or replace macro claims_write("action", last_step) as
    coalesce(last_step like 'EntryExport%', "action" in ('create', 'update', 'disable', 'delete'), false);

-- verb_fits(action, last_step, method, operation): whether a request is of the kind that an action makes: 2 for the
-- very one, down to 0 for one that may be, null for one that cannot. A look-up counts for an event that ended before
-- anything was written.
create or replace macro verb_fits("action", last_step, "method", operation) as
    case
        when "method" = 'GET' then case when not claims_write("action", last_step) then 0 end
        when "action" = 'create' then case when "method" = 'POST' then 2 end
        when "action" = 'delete' then case when "method" = 'DELETE' then 2 end
        when "action" = 'disable' or last_step = 'EntryExportUpdateSoftDelete' then case
            when operation = 'disable' then 2 when operation = 'enable' then null
            when "method" in ('PATCH', 'PUT', 'DELETE') then 1 end
        when "action" in ('update', 'other') then case
            when operation = 'disable' then 0 when "method" in ('PATCH', 'PUT') then 2 end
        else 0
    end;
