"""Events that do not say their job, as of a portal download without that column, get one before they land.

It is the job of the event's cycle, where that is known, else the one job that is known of the app. Where none is, or
several are, the job's id is made of the app: `unnamed.` and the service principal's id, or a digest of the app's name.
Such a job is never a reason to store an event twice.
"""

from pipeline.store.lake import Cursor

UNNAMED = "unnamed."
"How the id of a job begins that no log has named."
APP = "nullif(lower(coalesce(app_name, target_system)), '')"
SOURCES = "('portal', 'log_analytics')"
"Tables, of which somebody may leave out columns."
JOBLESS = f"job_id is null and coalesce(app_id, {APP}) is not null and source in {SOURCES}"
IS_UNNAMED = f"starts_with(job_id, '{UNNAMED}')"
NAMED = f"""
create or replace temp table jobless as
select distinct tenant_id, app_id, {APP} as app, cycle_id from staged_events where {JOBLESS};
create or replace temp table named_jobs as
with apps_by_job as materialized (
    select job_id, max(tenant_id) as tenant_id, max(app_id) as app_id, list(distinct app) as names
    from (
        select job_id, tenant_id, app_id, {APP} as app from staged_events
        union all
        select job_id, tenant_id, app_id, lower(app_name) from job_snapshots
        union all
        select job_id, tenant_id, app_id, lower(app_name) from configurations
        union all
        select job_id, tenant_id, null, lower(app_name) from hourly_parts
        union all
        select job_id, null, app_id, lower(app_name) from footings
    )
    where job_id is not null
    group by job_id
), of_apps as (
    select j.tenant_id, j.app_id, j.app,
        case when count(distinct k.job_id) filter (not {IS_UNNAMED}) = 1
            then min(k.job_id) filter (not {IS_UNNAMED}) end as named,
        min(k.job_id) filter ({IS_UNNAMED}) as unnamed
    from (select distinct tenant_id, app_id, app from jobless) j
    join apps_by_job k on case when j.app_id is null or k.app_id is null then list_contains(k.names, j.app)
            else j.app_id = k.app_id end
        and coalesce(j.tenant_id = k.tenant_id, true)
    group by all
), of_cycles as (
    select cycle_id, min(job_id) as job_id
    from (
        select cycle_id, job_id from cycle_parts where cycle_id in (select cycle_id from jobless)
        union all
        select cycle_id, job_id from staged_events where job_id is not null
    )
    where not {IS_UNNAMED}
    group by cycle_id
    having count(distinct job_id) = 1
)
select j.*, coalesce(c.job_id, a.named, a.unnamed,
    '{UNNAMED}' || coalesce(j.app_id, md5(concat_ws('|', j.tenant_id, j.app)))) as job_id
from jobless j
left join of_cycles c on c.cycle_id = j.cycle_id
left join of_apps a on a.tenant_id is not distinct from j.tenant_id and a.app_id is not distinct from j.app_id
    and a.app is not distinct from j.app;
update temp.staged_events s
set job_id = n.job_id
from named_jobs n
where s.job_id is null and s.source in {SOURCES} and n.tenant_id is not distinct from s.tenant_id
    and n.app_id is not distinct from s.app_id and n.cycle_id is not distinct from s.cycle_id
    and n.app is not distinct from nullif(lower(coalesce(s.app_name, s.target_system)), '');
"""
REPEATED = f"""
insert into repeated
with lines as materialized (
    select rowid as rid, event_id, change_id, source = 'portal' and event_id = change_id as by_change,
        coalesce({IS_UNNAMED}, false) as unnamed
    from staged_events
), others as materialized (
    select event_id, change_id, source = 'portal' and event_id = change_id as by_change,
        coalesce({IS_UNNAMED}, false) as unnamed
    from events
    where occurred_at between timestamp '{{low}}' and timestamp '{{high}}'
    union all
    select event_id, change_id, by_change, unnamed from lines where not unnamed
), same as (
    select b.rid from lines b join others e on e.event_id = b.event_id and b.unnamed > e.unnamed
    union
    select b.rid from lines b join others e on e.event_id = b.event_id and b.unnamed < e.unnamed
    union
    select b.rid from lines b join others e on e.change_id = b.event_id and b.by_change and b.unnamed <> e.unnamed
    union
    select b.rid from lines b join others e on e.event_id = b.change_id and e.by_change and b.unnamed <> e.unnamed
)
select rid from same where rid not in (select rid from repeated);
"""
"The same event of a job with a name and of one without, by its id or by its change."


def name_jobs(cursor: Cursor) -> bool:
    """Gives staged events without a job one; returns whether jobs without a name are staged or stored."""
    [(jobless, unnamed)] = cursor.execute(
        f"select coalesce(bool_or({JOBLESS}), false), coalesce(bool_or({IS_UNNAMED}), false) from staged_events"
    ).fetchall()
    if jobless:
        cursor.execute(NAMED)
        return True
    [(stored,)] = cursor.execute(
        f"select exists (from hourly_parts where job_id >= '{UNNAMED}' and job_id < 'unnamed/')"
    ).fetchall()
    return bool(unnamed or stored)
