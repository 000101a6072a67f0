-- Events counted by the hour.

create or replace view hourly as
select
    "hour",
    tenant_id,
    job_id,
    max(app_name) as app_name,
    "action",
    status,
    benign,
    error_code,
    last_step,
    sum(events)::bigint as events,
    sum(duration_ms)::bigint as duration_ms
from hourly_parts
group by "hour", tenant_id, job_id, "action", status, benign, error_code, last_step;
