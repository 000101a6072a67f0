"""The questions that are compared: what is asked of the product, and which count says what is right."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.scenarios.count import Asked, Count, Rows

Row = dict[str, Any]
ALL = 100_000


@dataclass(frozen=True)
class Comparison:
    """One question of `queries/`, or one statement, beside the count that answers it."""

    name: str
    count: Callable[[Count, Asked], Rows]
    rows: Callable[[list[Row]], Rows]
    "Brings the product's rows to the count's form."
    query: str = ""
    columns: tuple[str, ...] = ()
    "What the values of a row are called, for the report and for the table of known differences."
    more: tuple[tuple[str, Any], ...] = ()
    windowed: bool = True
    given: Callable[[Count], Row] = lambda _: {}
    "Parameters that depend on the world, such as whom it is about."

    @property
    def asks(self) -> str:
        """The question's name in `queries/`, or a statement."""
        return self.query or self.name


def by(key: str, values: str) -> Callable[[list[Row]], Rows]:
    """Takes these columns for what names a row, and those for what it says."""
    keys, names = key.split(), values.split()

    def rows(found: list[Row]) -> Rows:
        answer = {}
        for row in found:
            name = tuple(row[one] for one in keys)
            said = tuple(rounded(row[one]) for one in names)
            answer[name[0] if len(name) == 1 else name] = said[0] if len(said) == 1 else said
        return answer

    return rows


def rounded(value: Any) -> Any:
    """Rounds a share."""
    return round(value, 6) if isinstance(value, float) else value


def total(key: str, value: str) -> Callable[[list[Row]], Rows]:
    """Adds up one column of the rows that other columns name alike."""
    keys = key.split()

    def rows(found: list[Row]) -> Rows:
        sums: Counter[Any] = Counter()
        for row in found:
            name = tuple(row[one] for one in keys)
            sums[name[0] if len(name) == 1 else name] += row[value] or 0
        return {name: count for name, count in sums.items() if count}

    return rows


def simple(name: str, key: str, values: str, windowed: bool = True, **more: Any) -> Comparison:
    """Compares columns as they are; the count has the question's name."""
    limited = {"limit": ALL} if more.pop("limited", False) else {}
    count = more.pop("count", name)
    columns = tuple(values.split())
    params = tuple((more | limited).items())
    return Comparison(
        name, lambda c, a: getattr(c, count)(a), by(key, values), more.pop("query", ""), columns, params, windowed
    )


def stages(rows: list[Row]) -> Rows:
    """How many were seen, and how many exported."""
    return {
        row["stage"]: row["objects"] for row in rows if row["stage"] in ("seen", "exported") and row["leak"] is None
    }


def issue_codes(rows: list[Row]) -> Rows:
    """People hit in the window, by job and code; an issue that nobody had in the window is left out."""
    sums: Counter[Any] = Counter()
    for row in rows:
        sums[row["job_id"], row["code"]] += row["people_lately"]
    return {key: people for key, people in sums.items() if people}


def over_time(by_what: str, bucket: str) -> Comparison:
    """Compares failures over time in one cut."""
    return Comparison(
        f"failures_over_time.{by_what}.{bucket}",
        lambda c, a: c.failures_over_time(a, by_what, bucket),
        by("bucket label", "failures"),
        "failures_over_time",
        ("failures",),
        (("by", by_what), ("bucket", bucket)),
    )


def done_cases(rows: list[Row]) -> Rows:
    """The removals that were done, and how."""
    done = [row for row in rows if row["outcome"] == "done"]
    return {(row["job_id"], row["source_id"], row["kind"], row["ended_at"]): "done" for row in done}


def hours_tried(rows: list[Row]) -> Rows:
    """The hours in which something was tried."""
    return {(row["hour"], row["job_id"]): (row["attempts"], row["failures"]) for row in rows if row["attempts"]}


def fleet(rows: list[Row]) -> Rows:
    """What waits in each job, and whether and why it is in quarantine."""
    answer = {}
    for row in rows:
        held = row["state"] == "quarantine"
        answer[row["job_id"]] = (row["app_name"], row["open_escrows"], held, row["cause"] if held else None)
    return answer


PEOPLE = (
    "app_name name source_name source_type target_id state attempts failures success_share last_success_at "
    "last_event_at open_error_code"
)
COMPARED = [
    simple("extent", "", "first_at last_at events exchanges snapshots", windowed=False),
    simple("jobs", "job_id", "app_name tenant_id", windowed=False),
    simple(
        "matching_events", "job_id event_id",
        "occurred_at app_name name action status error_code skip_reason last_step source_id", limited=True,
    ),
    simple("top_errors", "error_code", "apps objects attempts still_failing first_seen_at last_seen_at", limited=True),
    simple(
        "outcomes_by_action", "job_id action",
        "successes failures warnings benign_skips other_skips mean_duration_ms",
    ),
    simple("success_and_noise", "", "successes failures redundant out_of_scope pseudo"),
    simple("skips_by_reason", "skip_reason", "benign objects skips last_seen_at"),
    Comparison("skip_kinds", Count.skip_kinds, total("wants", "skips"), columns=("skips",)),
    Comparison(
        "skip_people", Count.skip_people, total("job_id source_id", "skips"), columns=("skips",), more=(("limit", ALL),)
    ),
    *(over_time(what, bucket) for what in ("code", "app", "step") for bucket in ("hour", "day")),
    Comparison("failures_by_hour", Count.failures_by_hour, hours_tried, columns=("attempts", "failures")),
    simple("daily_success", "job_id", "successes failures success_share daily_failures"),
    simple("changed_attributes", "app_name attribute", "changes objects emptied"),
    Comparison("issues", Count.issues, issue_codes, columns=("people_lately",)),
    Comparison(
        "issues_over_time", Count.issues_over_time, total("bucket", "events"), columns=("events",),
        more=(("bucket", "hour"),),
    ),
    Comparison("scope_funnel", Count.scope_funnel, stages, columns=("objects",)),
    Comparison("scope_moves", Count.scope_moves, by("job_id source_id", "turn"), columns=("turn",)),
    simple("people", "job_id source_id", PEOPLE, windowed=False, limited=True),
    simple(
        "identities", "job_id source_id", "account in_scope", windowed=False,
        query="select job_id, source_id, account, in_scope from identities",
    ),
    simple("people_by_state", "state", "objects", windowed=False),
    simple("placements", "job_id", "in_sync failing held_back out_of_scope disabled deleted", windowed=False),
    simple(
        "open_escrows", "job_id source_id", "opened_at attempts retry_at dropped_at error_code is_reference",
        windowed=False, limited=True,
    ),
    simple("quarantine_waiting", "job_id source_id", "leaver action", windowed=False, limited=True),
    simple("leavers_active", "job_id source_id", "kind", windowed=False),
    Comparison(
        "leaver_cases", Count.leaver_cases, done_cases, columns=("outcome",), more=(("limit", ALL),), windowed=False
    ),
    simple("group_outcomes", "job_id source_id", "state attempts failures last_event_at", windowed=False),
    Comparison(
        "cycles_lately", Count.cycles,
        lambda rows: by("job_id cycle_id", "events objects succeeded failed skipped warnings")(
            [row for row in rows if row["events"]]
        ),
        columns=("events", "objects", "succeeded", "failed", "skipped", "warnings"), more=(("limit", ALL),),
        windowed=False,
    ),
    Comparison(
        "fleet", Count.fleet, fleet,
        columns=("app_name", "open_escrows", "quarantine", "cause"), windowed=False,
    ),
    simple("quarantine_history", "job_id opened_at", "reason closed_at", windowed=False),
    simple("quarantine_states", "job_id", "word since reason series_count", windowed=False),
    simple(
        "connections", "job_id", "app_name tenant_id schedule_state interval_s deletion_threshold heard_at",
        windowed=False,
    ),
    simple("exchanges_by_status", "method http_status", "exchanges first_at last_at"),
    Comparison("target_health", Count.requests_by_app, total("app_id", "requests"), columns=("requests",)),
    Comparison("wire_logs", Count.requests_by_app, total("app_id", "requests"), columns=("requests",)),
    simple("target_looked_at", "", "requests creates queries patches deletes errors throttled"),
    simple("wire_size", "hour", "events requests"),
    simple("evidence_events", "event_id", "occurred_at status action", count="evidence"),
    Comparison(
        "people.daily_failures", Count.people_failures,
        lambda rows: {
            (row["job_id"], row["source_id"]): failures for row in rows if (failures := sum(row["daily_failures"]))
        },
        "people", ("daily_failures",), (("limit", ALL),),
    ),
    Comparison(
        "people.search", Count.once_called, lambda rows: {(row["job_id"], row["source_id"]): True for row in rows},
        "people", ("found",), (("limit", ALL),), windowed=False, given=lambda count: {"search": count.old_name},
    ),
    *(
        Comparison(
            name, count, by(key, values), columns=tuple(values.split()), windowed=False,
            given=lambda count: {"object": count.busiest, "limit": ALL},
        )
        for name, count, key, values in (
            ("person_events", Count.person_events, "job_id event_id", "occurred_at app_name action status error_code"),
            ("person_cycles", Count.person_cycles, "job_id cycle_id", "events failed"),
            (
                "person_states", Count.person_states, "job_id",
                "state attempts failures last_success_at last_event_at target_id",
            ),
            ("person_state_at", Count.person_state_at, "job_id attribute", "value since"),
        )
    ),
    Comparison(
        "cycles.words", Count.cycle_words,
        lambda rows: by("job_id cycle_id", "began_at ended_at outcome kind")([row for row in rows if row["events"]]),
        "cycles_lately", ("began_at", "ended_at", "outcome", "kind"), (("limit", ALL),), windowed=False,
    ),
    Comparison(
        "cycles.without_events", Count.idle_runs,
        lambda rows: {(row["job_id"], row["began_at"]): row["ended_at"] for row in rows if not row["events"]},
        "cycles_lately", ("ended_at",), (("limit", ALL),), windowed=False,
    ),
    Comparison(
        "group_people", Count.members,
        lambda rows: {
            row["source_id"]: True
            for row in rows if row["state"] == "in place" and not row["source_id"].startswith("acc-")
        },
        columns=("in place",), windowed=False,
        given=lambda count: {"group": count.fullest[1], "job": count.fullest[0]},
    ),
]  # fmt: skip
