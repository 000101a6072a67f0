-- Which attribute of the app gets what, and by which are objects matched?
--
-- Title    Attribute mappings
-- Topic    Configuration and tokens
--
-- As the job's configuration was last read; mappings that are switched off are left out.
--
-- Parameters
--   $job   VARCHAR = null   one job's id; null asks about all of them
--
-- Columns
--   ordinal             its place in the configuration
--   source_object       the kind of object in the source
--   target_object       the kind of object in the app
--   target_attribute    the app's attribute
--   source_expression   what flows into it
--   flow                when: Always, ObjectAddOnly …
--   matching_priority   from 1, for an attribute that objects are matched by
--   default             what flows when the source has nothing
--   job_id              the job
select
    ordinal,
    mapping.source_object,
    mapping.target_object,
    mapping.target_attribute,
    mapping.source_expression,
    mapping.flow,
    mapping.matching_priority,
    mapping."default",
    job_id
from (
    select job_id, generate_subscripts(mappings, 1) as ordinal, unnest(mappings) as mapping
    from (
        select job_id, mappings
        from configurations
        where $job is null or job_id = $job
        qualify row_number() over (partition by job_id order by observed_at desc, digest) = 1
    )
)
order by job_id, ordinal
