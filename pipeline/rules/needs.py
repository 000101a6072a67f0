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


class DataNeeds:
    """Looks up which needs are unmet as of one instant; each need once, however many rules have it."""

    def __init__(self, store: Store, at: datetime) -> None:
        self._store, self._at = store, at
        self._looked_up: dict[Need, dict[str, str]] = {}

    def unmet(self, needs: Iterable[Need]) -> dict[str, str]:
        """Returns the jobs of which too little is known, with what is missing; '' means all of them.

        Without any job at all, nothing is known.
        """
        unmet: dict[str, str] = {}
        for need in needs:
            if need not in self._looked_up:
                self._looked_up[need] = self._look_up(need)
            unmet |= self._looked_up[need]
        return unmet

    def _look_up(self, need: Need) -> dict[str, str]:
        """Looks one need up in the store."""
        since = self._at - timedelta(hours=need.hours)
        rows = self._store.rows(MET[need.source], {"since": since, "at": self._at})
        missing = f"{need.source} of the last {need.hours} hours"
        unmet = {str(job or ""): f"{name or job}: {missing}" for job, name, is_met in rows if not is_met}
        return unmet if rows else {"": missing}


def unmet_needs(store: Store, needs: Iterable[Need], at: datetime) -> dict[str, str]:
    """Returns the jobs for which one rule's needs are unmet, with what is missing."""
    return DataNeeds(store, at).unmet(needs)
