"""Builds the digest: a day's or a week's numbers, by the very questions of the dashboard.

It goes out through the outbox, under an id that follows from its period, so that no address gets it twice.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.config.wording import address, count
from pipeline.knowledge.causes import OWNER_NAMES, cause_of
from pipeline.notify.messages import DIGEST
from pipeline.notify.outbox import Row, add_rows, mark
from pipeline.notify.render import render
from pipeline.notify.routes import Route, Routes
from pipeline.rules.app_labels import job_labels, labelled
from pipeline.rules.verdict import Facts, Verdict, verdict
from pipeline.rules.verdict_facts import ANSWERS, IN_USE, read_facts
from pipeline.rules.verdict_text import LABELS, plain_sentence, unknown_sentence
from pipeline.store.catalog import bind, find_query
from pipeline.store.lake import Cursor, Store

EVERY = 10**9
"No limit: a digest counts all there is."
MOST_LISTED = 20


@dataclass(frozen=True)
class App:
    """One job's numbers."""

    job_id: str
    app_name: str
    successes: int
    failures: int
    success_share: float | None
    "None where nothing was tried."
    cycles: int
    failing: int
    "People and groups whose last attempt failed, as of the newest data."
    waiting: int
    "Objects that await a retry, as of the newest data."
    leavers: list[dict[str, Any]]
    "Who should be disabled or deleted and is not, as of the period's end."
    leavers_unknown: str = ""
    "Why it is unknown whether there are more, and since when; empty where it is known."
    in_use: list[dict[str, Any]] = field(default_factory=list)
    "Whose account may be in use although nothing failed."
    rejected: int = 0
    "Users and groups with a change that Entra reports as successful and the app rejected, as of the newest data."


@dataclass(frozen=True)
class Summary:
    """The numbers of [since, until)."""

    since: datetime
    until: datetime
    newest: datetime | None
    "The newest record in the store."
    incidents: list[dict[str, Any]] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)
    verdict: Verdict | None = None
    "On these apps, as of the period's end."
    causes: list[dict[str, Any]] = field(default_factory=list)
    "What objects wait for at the end of the period, most first, each with its title."

    def count(self, column: str) -> int:
        """Counts the incidents that are new, or over."""
        return sum(bool(one[column]) for one in self.incidents)

    @property
    def open(self) -> list[dict[str, Any]]:
        """Returns the incidents that were open at the end."""
        return [one for one in self.incidents if not one["is_over"]]


def digest(store: Store, since: datetime, until: datetime, apps: Collection[str] | None = None) -> Summary:
    """Collects the numbers of a period, of some apps or of all."""
    window = {"since": since, "until": until}
    incidents = [one for one in rows(store, "incidents", **window) if apps is None or set(one["apps"]) & set(apps)]
    shares = {one["job_id"]: one for one in rows(store, "daily_success", **window)}
    jobs = [one for one in rows(store, "jobs") if apps is None or one["app_name"] in apps]
    [extent] = rows(store, "extent")
    facts = read_facts(store, until)
    chosen = facts if apps is None else facts.of([job["job_id"] for job in jobs], shared=False)
    labels = job_labels(store)
    named = [job | {"app_name": labelled(job, labels)} for job in jobs]
    numbers = [app_of(store, job, shares.get(job["job_id"], {}), window, chosen) for job in named]
    issues = [
        one | {"title": title_of_issue(one), "owner": OWNER_NAMES[one["fault"]]}
        for one in rows(store, "issues", **window)
        if one["waiting"]
    ]
    causes = [one | {"app_name": labelled(one, labels)} for one in issues if apps is None or one["app_name"] in apps]
    return Summary(since, until, extent["last_at"], incidents, numbers, verdict(chosen), causes)


def title_of_issue(issue: dict[str, Any]) -> str:
    """Returns what an issue is known as; else its message or code."""
    cause = cause_of(issue)
    return cause.title if cause else str(issue["detail"] or issue["code"] or "No reason in the log")


def in_use_of(store: Store, job_id: str, until: datetime, facts: Facts) -> list[dict[str, Any]]:
    """Returns whose account may be in use although nothing failed, as the verdict counts them."""
    if not any(one.in_use for one in facts.jobs):
        return []
    asked = {"trap_unassigned": {}, "trap_still_active": {"since": until - ANSWERS}}
    return [row for name in IN_USE for row in rows(store, name, as_of=until, job=job_id, **asked[name])]


def app_of(store: Store, job: dict[str, Any], share: dict[str, Any], window: dict[str, datetime], facts: Facts) -> App:
    """Collects one job's numbers."""
    of_job = {"job": job["job_id"], "limit": EVERY}
    own = facts.of([job["job_id"]], shared=False)
    states = {one["state"]: one["objects"] for one in rows(store, "people_by_state", job=job["job_id"])}
    return App(
        job_id=job["job_id"],
        app_name=job["app_name"],
        successes=share.get("successes", 0),
        failures=share.get("failures", 0),
        success_share=share.get("success_share"),
        cycles=len(rows(store, "cycles_lately", **window, **of_job)),
        failing=states.get("failing", 0),
        rejected=states.get("rejected", 0),
        waiting=len(rows(store, "open_escrows", **of_job)),
        leavers=rows(store, "leavers_active", until=window["until"], as_of=window["until"], job=job["job_id"]),
        leavers_unknown=leavers_unknown(own),
        in_use=in_use_of(store, job["job_id"], window["until"], own),
    )


def leavers_unknown(facts: Facts) -> str:
    """Writes why it is unknown whether leavers were removed from an app, and since when; empty where it is known."""
    return unknown_sentence(verdict(facts, "leavers"))


def rows(store: Store, name: str, **values: object) -> list[dict[str, Any]]:
    """Returns the answer to a question."""
    query = find_query(name)
    answer: list[dict[str, Any]] = store.fetch(query.sql, bind(query, values)).to_pylist()
    return answer


def title_of(summary: Summary, every: str) -> str:
    """Returns the subject: what needs attention first."""
    failing, left = sum(app.failing for app in summary.apps), sum(len(app.leavers) for app in summary.apps)
    may = sum(len(app.in_use) for app in summary.apps)
    leavers = f", {count(left, 'leaver')} with access" if left else ""
    leavers += f", {count(may, 'leaver')} who may have access" if may else ""
    if not left and not may and any(app.leavers_unknown for app in summary.apps):
        leavers = ", leavers unknown"
    state = f"{LABELS[summary.verdict.state]}, " if summary.verdict else ""
    name = every.capitalize()
    return f"{name} digest: {state}{count(len(summary.open), 'open incident')}{leavers}, {failing:,} failing"


def body_of(summary: Summary, dashboard_url: str) -> str:
    """Returns the text."""
    return render(
        "digest.txt.j2",
        summary=summary,
        overall="" if summary.verdict is None else plain_sentence(summary.verdict),
        leavers=[(app, one) for app in summary.apps for one in app.leavers],
        in_use=[(app, one) for app in summary.apps for one in app.in_use],
        most=MOST_LISTED,
        link=link_of(summary, dashboard_url),
    )


def link_of(summary: Summary, dashboard_url: str) -> str:
    """Returns an address that opens the overview on the period."""
    if not dashboard_url:
        return ""
    return f"{dashboard_url}/?since={address(summary.since)}&until={address(summary.until)}"


def send_digest(store: Store, now: datetime, routes: Routes) -> list[Row]:
    """Writes the digests whose time has come (`now` is naive UTC) into the outbox, once for each period and address."""
    made: list[Row] = []
    for route in routes.routes:
        ids = due_ids(route, now)
        if route.digest and ids and (wanted := set(ids) - written(store, ids)):
            summary = digest(store, *route.digest.period(now), route.apps)
            made += [row_of(summary, route, ids[one], one, now, routes) for one in ids if one in wanted]

    def keep(cursor: Cursor) -> list[Row]:
        # Another process may have written one in between.
        already_there = cursor.execute("select message_id from outbox where change = ?", [DIGEST]).fetchall()
        new = [one for one in made if (one.message_id,) not in already_there]
        add_rows(cursor, new)
        return new

    return store.write(keep) if made else []


def due_ids(route: Route, now: datetime) -> dict[str, str]:
    """Returns the id of each address's newest digest, with the address."""
    if route.digest is None:
        return {}
    until = str(route.digest.period(now)[1])
    return {mark(DIGEST, route.name, one.address, route.digest.every, until): one.address for one in route.destinations}


def written(store: Store, ids: Collection[str]) -> set[str]:
    """Returns which messages are in the outbox already."""
    there = store.rows("select message_id from outbox where list_contains(?, message_id)", [list(ids)])
    return {str(row[0]) for row in there}


def row_of(summary: Summary, route: Route, address: str, message_id: str, now: datetime, routes: Routes) -> Row:
    """Builds one digest's message."""
    assert route.digest is not None
    return Row(
        message_id=message_id,
        incident_id=None,
        change=DIGEST,
        route=route.name,
        address=address,
        title=title_of(summary, route.digest.every),
        body=body_of(summary, routes.dashboard_url),
        severity="info",
        app_name=None,
        link=link_of(summary, routes.dashboard_url),
        created_at=now,
        due_at=route.free_at(now, "info"),
    )
