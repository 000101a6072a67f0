"""Whether a job's data is known well enough, as of an instant, for silence to mean that all is well."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pipeline.rules.rule import Need
from pipeline.store.lake import Store

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
MET = {"jobs": JOBS, "events": EVENTS, "exchanges": EXCHANGES}


def unmet_need(store: Store, need: Need, at: datetime) -> dict[str, str]:
    """Returns the jobs of which too little is known for one need, with what is missing; '' means all of them.

    Without any job at all, nothing is known.
    """
    since = at - timedelta(hours=need.hours)
    rows = store.rows(MET[need.source], {"since": since, "at": at})
    missing = f"{need.source} of the last {need.hours} hours"
    unmet = {str(job or ""): f"{name or job}: {missing}" for job, name, is_met in rows if not is_met}
    return unmet if rows else {"": missing}


def unmet_needs(store: Store, needs: Iterable[Need], at: datetime) -> dict[str, str]:
    """Returns the jobs for which one rule's needs are unmet, with what is missing."""
    return {job: missing for need in needs for job, missing in unmet_need(store, need, at).items()}
