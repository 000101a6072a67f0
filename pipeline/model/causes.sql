-- Causes of errors, from the same file that the pages read.

-- documented_causes(): one row per cause of knowledge/causes.toml, in its order.
--   place       its place in the file
--   cause       its name
--   codes       the ends of error codes, in small letters
--   statuses    HTTP statuses of the app's answer
--   scim_types  SCIM error types
--   phrases     patterns of what the answer says
--   actions     what was to be done
--   families    kinds of connector
--   outweighs   whether the answer counts more than a code that says something else
--   owner       who can fix it
create or replace macro documented_causes() as table
select
    place,
    c.name as cause,
    list_transform(coalesce(c.codes, []), lambda x: lower(x)) as codes,
    coalesce(c.statuses, []) as statuses,
    coalesce(c.scim_types, []) as scim_types,
    list_transform(coalesce(c.phrases, []), lambda x: replace(replace(x, '*', '%'), '?', '_')) as phrases,
    coalesce(c.actions, []) as actions,
    coalesce(c.families, []) as families,
    coalesce(c.outweighs, false) as outweighs,
    c.owner
from (
    select unnest(listed) as c, generate_subscripts(listed, 1) as place
    from (
        select from_json('{{knowledge/causes.toml}}'::json -> '$.cause', '[{"name": "VARCHAR", "codes": ["VARCHAR"],
            "statuses": ["INTEGER"], "scim_types": ["VARCHAR"], "phrases": ["VARCHAR"], "actions": ["VARCHAR"],
            "families": ["VARCHAR"], "outweighs": "BOOLEAN", "owner": "VARCHAR"}]') as listed
    )
);

-- connector_family(job_id, code): the kind of a job's connector, by its template, else by an error code of its own.
create or replace macro connector_family(job_id, code) as
    case
        when regexp_matches(job_id, '(?i)^(azure2azure|entra2entra|crosstenant)[^.]*') then 'entra to entra'
        when regexp_matches(job_id, '(?i)^(workday|successfactors|sf|hcm|hr|api|ukg|sap)[A-Za-z0-9_]*2(ad|aad|entra)')
            then 'hr to ad'
        when regexp_matches(job_id, '(?i)^(ad2aad|aad2ad|ad2entra|entra2ad|adtoaad)') then 'ad to entra'
        when regexp_matches(job_id, '(?i)^(ecma|onprem|on-prem|ldap)') then 'on-premises'
        when regexp_matches(code, '^Hybrid(Identity|Synchroni[sz]ation|Syncroni[sz]ation)') then 'ad to entra'
        when regexp_matches(code, '^(AzureDirectoryB2B|InvitationCreationFailure)') then 'entra to entra'
        else 'scim app'
    end;

-- has_scim_token(job_id): whether a job signs in to its app with an access token: one between directories or from an HR
-- system does not.
create or replace macro has_scim_token(job_id) as connector_family(job_id, null) in ('scim app', 'on-premises');

-- code_endings(errors): one row per error code of a table, with its longest documented end.
--   code        the code
--   ending      its end, in small letters; null where none is documented
--   is_generic  whether it says no more than that something failed
create or replace macro code_endings(errors) as table
with ends as (
    select distinct unnest(codes) as ending from documented_causes()
), longest as (
    select s.code, arg_max(e.ending, len(e.ending)) as ending
    from (select distinct code from query_table(errors)) s
    left join ends e on ends_with(lower(s.code), e.ending)
        and (len(e.ending) > 20 or regexp_matches(right(s.code, len(e.ending)::bigint), '^[A-Z]'))
        and regexp_matches(left(s.code, (len(s.code) - len(e.ending))::bigint), '(^|[a-z0-9]|[A-Z]{2})$')
    group by s.code
)
select
    code,
    ending,
    ending is null
        or list_contains(from_json(lower('{{knowledge/causes.toml}}')::json -> '$.generic_codes', '["VARCHAR"]'), ending)
        as is_generic
from longest;

-- causes_of(errors): one row per error of a table that has a cause, with the most specific of those that fit.
--   job_id       the job
--   fingerprint  the error
--   cause        the cause's name
--   owner        who can fix it
create or replace macro causes_of(errors) as table
with error_rows as (
    select
        s.job_id,
        s.fingerprint,
        s.http_status,
        s.scim_type,
        s."action",
        lower(coalesce(s.detail, '')) as words,
        e.ending,
        e.is_generic,
        connector_family(s.job_id, s.code) as family
    from query_table(errors) s
    join code_endings(errors) e on e.code is not distinct from s.code
), fitting as (
    select
        e.job_id,
        e.fingerprint,
        c.cause,
        c.owner,
        c.place,
        case when len(c.phrases) > 0 then 1000 else 0 end
            + case when c.outweighs then 600 else 0 end
            + case when len(c.actions) > 0 then 500 else 0 end
            + case when len(c.statuses) = 0 then 0
                when len(c.codes) > 0 or len(c.phrases) > 0 or c.outweighs then 400 else 50 end
            + case when len(c.scim_types) > 0 then 300 else 0 end
            + case when len(c.families) > 0 then 200 else 0 end
            + case when len(c.codes) > 0 then 100 + len(e.ending) else 0 end as weight
    from error_rows e
    join documented_causes() c
        on case when len(c.codes) > 0 then list_contains(c.codes, e.ending) else e.is_generic or c.outweighs end
        and (len(c.statuses) = 0 or list_contains(c.statuses, e.http_status))
        and (len(c.scim_types) = 0 or list_contains(c.scim_types, e.scim_type))
        and (len(c.actions) = 0 or list_contains(c.actions, e."action"))
        and (len(c.families) = 0 or list_contains(c.families, e.family))
        and (len(c.phrases) = 0 or len(list_filter(c.phrases, lambda x: e.words like x)) > 0)
)
select
    job_id,
    fingerprint,
    arg_min(cause, (-weight, place)) as cause,
    arg_min(owner, (-weight, place)) as owner
from fitting
group by job_id, fingerprint;

-- owner_of(owner, category, step_type): who can fix a problem: its cause's owner, else what Graph's category and the
-- step say.
create or replace macro owner_of(owner, category, step_type) as
    case
        when owner is not null then owner
        when lower(category) = 'servicefailure' then 'service'
        when step_type in ('import', 'scoping', 'matching') then 'source data'
        else 'unknown'
    end;
