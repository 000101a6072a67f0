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
ASKED = {"jobs": JOBS, "events": EVENTS, "exchanges": EXCHANGES}


class Doubts:
    """What is in doubt as of one instant; a need is asked of the store once, however many rules have it."""

    def __init__(self, store: Store, at: datetime) -> None:
        self._store, self._at = store, at
        self._known: dict[Need, dict[str, str]] = {}

    def of(self, needs: Iterable[Need]) -> dict[str, str]:
        """Gives the jobs of which too little is known, with what is missing; '' stands for all of them.

        Without any job at all, nothing is known.
        """
        doubted: dict[str, str] = {}
        for need in needs:
            if need not in self._known:
                self._known[need] = self._ask(need)
            doubted |= self._known[need]
        return doubted

    def _ask(self, need: Need) -> dict[str, str]:
        """Asks the store for one need."""
        since = self._at - timedelta(hours=need.hours)
        rows = self._store.rows(ASKED[need.source], {"since": since, "at": self._at})
        missing = f"{need.source} of the last {need.hours} hours"
        doubted = {str(job or ""): f"{name or job}: {missing}" for job, name, known in rows if not known}
        return doubted if rows else {"": missing}


def in_doubt(store: Store, needs: Iterable[Need], at: datetime) -> dict[str, str]:
    """Gives what is in doubt for one rule's needs."""
    return Doubts(store, at).of(needs)
