-- When was the configuration of this person's or group's jobs changed?
--
-- Title    App configuration changes
-- Topic    Configuration and tokens
--
-- An instant is that at which the change was found: the job's document does not show when it was made. The first
-- reading of a job's configuration is no change.
--
-- Parameters
--   $object    VARCHAR           the object's id in Entra
--   $job       VARCHAR = null    one job's id; null asks about all of them
--
-- Columns
--   observed_at    when it was found changed
--   job_id         the job
--   app_name       the application
--   what           what differs from the reading before
with readings as (
    select
        *,
        lag({'schedule': schedule_state, 'scope': scope_mode, 'threshold': deletion_threshold, 'host': base_host,
            'skip': skip_deletions, 'mappings': mappings}) over job as before,
        row_number() over job as reading
    from configurations
    where ($job is null or job_id = $job)
        and job_id in (select job_id from identity_parts where source_id = $object)
    window job as (partition by job_id order by observed_at, digest)
), attributes as (
    select
        *,
        list_transform(list_filter(coalesce(mappings, []),
            lambda m: not list_contains(coalesce(before.mappings, []), m)), lambda m: m.target_attribute) as now_other,
        list_transform(list_filter(coalesce(before.mappings, []),
            lambda m: not list_contains(coalesce(mappings, []), m)), lambda m: m.target_attribute) as was_other
    from readings
    where reading > 1
)
select
    observed_at,
    job_id,
    name_of_job(app_name, job_id) as app_name,
    coalesce(nullif(concat_ws(', ',
        case when schedule_state is distinct from before.schedule
            then 'schedule ' || coalesce(before.schedule, 'unknown') || ' → '
                || coalesce(schedule_state, 'unknown') end,
        case when scope_mode is distinct from before.scope
            then 'scope ' || coalesce(before.scope, 'unknown') || ' → ' || coalesce(scope_mode, 'unknown') end,
        case when deletion_threshold is distinct from before.threshold
            then 'threshold ' || coalesce(before.threshold::varchar, 'none') || ' → '
                || coalesce(deletion_threshold::varchar, 'none') end,
        case when base_host is distinct from before.host then 'address of the app' end,
        case when skip_deletions is distinct from before.skip then 'whether what goes out of scope is left alone' end,
        case when len(now_other) + len(was_other) > 0
            then 'mapping of ' || array_to_string(list_sort(list_distinct(now_other || was_other)), ', ') end
    ), ''), 'a setting that is not shown here') as what
from attributes
order by observed_at, job_id, what
