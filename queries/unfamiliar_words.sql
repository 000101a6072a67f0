-- Which values are not documented?
--
-- Title    Undocumented values
-- Topic    Data coverage
--
-- Graph adds values now and then; events with one are kept as they are spelled.
--
-- Columns
--   column      the events' column
--   value       the value as spelled
--   events      how many events have it
--   last_at     the newest hour with one
select
    word."column" as "column",
    word."value" as "value",
    sum(events)::bigint as events,
    max("hour") as last_at
from (
    select
        "hour",
        events,
        unnest([
            {'column': 'action', 'value': "action", 'known': "action" in
                ('create', 'update', 'delete', 'disable', 'stagedDelete', 'other')},
            {'column': 'status', 'value': status, 'known': status in ('success', 'failure', 'skipped', 'warning')}
        ]) as word
    from hourly
)
where not word.known
group by word."column", word."value"
order by events desc, word."column", word."value"
