"""Whether a job's data is known well enough, as of an instant, for silence to mean that all is well."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pipeline.rulebook import Need
from pipeline.store import Store

JOBS = """
select job_id, any_value(app_name), max(observed_at) >= $since
from job_snapshots
where observed_at <= $at
group by job_id
"""
"A job of which a status came within the hours asked for."
EXCHANGES = """
select null, 'SCIM requests', coalesce(max(occurred_at) >= $since, false) from exchanges where occurred_at <= $at
"""
EVENTS = """
select job_id, any_value(j.app_name), bool_and(c.state <> 'unknown')
from completeness c
left join (select job_id, max(app_name) as app_name from identity_parts group by job_id) j using (job_id)
where c.source = 'events'
    and c."hour" >= date_trunc('hour', $since::timestamp)
    and c."hour" < date_trunc('hour', $at::timestamp)
group by job_id
"""
"A job none of whose hours, before the present one, is unknown."
ASKED = {"jobs": JOBS, "events": EVENTS, "exchanges": EXCHANGES}


def in_doubt(store: Store, needs: Iterable[Need], at: datetime) -> dict[str, str]:
    """Gives the jobs of which too little is known, with what is missing; '' stands for all of them.

    Without any job at all, nothing is known.
    """
    doubted: dict[str, str] = {}
    for need in needs:
        since = at - timedelta(hours=need.hours)
        rows = store.rows(ASKED[need.source], {"since": since, "at": at})
        missing = f"{need.source} of the last {need.hours} hours"
        if not rows:
            doubted[""] = missing
        doubted |= {str(job or ""): f"{name or job}: {missing}" for job, name, known in rows if not known}
    return doubted
