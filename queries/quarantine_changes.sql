-- What of a job's configuration changed, and when was that seen?
--
-- Title    Recent configuration changes
-- Topic    Cycles and quarantine
--
-- From the configurations that were read and from the job's status documents. The change lies between the two instants.
--
-- Parameters
--   $since    TIMESTAMP           start, inclusive
--   $until    TIMESTAMP           end, exclusive
--   $job      VARCHAR             the job's id
--
-- Columns
--   before_at    when it was last seen as it was
--   seen_at      when it was first seen changed
--   setting      what was changed
--   before       what it was
--   after        what it became
with settings as (
    select observed_at, unnest([
        {'setting': 'schedule', 'setting_value': schedule_state},
        {'setting': 'interval in seconds', 'setting_value': interval_s::varchar},
        {'setting': 'deletion limit', 'setting_value': deletion_threshold::varchar}
    ], recursive := true)
    from job_snapshots
    where job_id = $job and observed_at < $until
    union all
    select observed_at, unnest([
        {'setting': 'scope', 'setting_value': scope_mode},
        {'setting': 'mail on failure', 'setting_value': if("notification", 'on', 'off')},
        {'setting': 'skips deletions', 'setting_value': if(skip_deletions, 'yes', 'no')},
        {'setting': 'address', 'setting_value': base_host}
    ], recursive := true)
    from configurations
    where job_id = $job and observed_at < $until
    union all
    select observed_at, 'mapping of ' || m.target_attribute, m.source_expression || if(m.matching_priority > 0,
        ', matching ' || m.matching_priority, '')
    from (
        select observed_at, unnest(mappings) as m from configurations where job_id = $job and observed_at < $until
    )
), seen as (
    select setting, setting_value, observed_at, lag(setting_value) over each as before,
        lag(observed_at) over each as before_at
    from settings
    where setting_value is not null
    window each as (partition by setting order by observed_at, setting_value)
)
select before_at, observed_at as seen_at, setting, before, setting_value as after
from seen
where setting_value <> before and observed_at >= $since
order by seen_at desc, setting
