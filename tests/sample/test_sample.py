"""The sample tenant: the same bytes from the same seed, every story told, and an answer key that is true.

The readers here are the simplest that can work; they know nothing of the project's own.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.sample import imagine, write_tenant
from pipeline.sample.answers import World
from pipeline.sample.nouns import Event, stamp
from pipeline.sample.planted import STORIES
from pipeline.sample.spellings import FAKE_TOKEN

SAMPLE_LOGS = Path(__file__).parents[2] / "sample_logs"
SMALL: dict[str, Any] = {"seed": 11, "users": 60, "groups": 5, "days": 10}
BESIDE = {"README.md", "generate.py"}
SILENT = {"quarantine_recovered", "quarantine_open", "idle_app", "benign_skips", "broken_lines", "exact_repeats"}


@pytest.fixture(scope="module")
def world() -> World:
    return imagine(**SMALL)


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tenant(tmp_path_factory.mktemp("tenant"), **SMALL).parent


@pytest.fixture(scope="module")
def key(tenant: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tenant / "answers.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def stories(key: dict[str, Any]) -> dict[str, Any]:
    return {entry["story"]: entry for entry in key["planted"]}


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file's bytes by relative path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def unpacked(name: str, content: bytes) -> dict[str, bytes]:
    """Return a file's content without its compression, which differs between builds of zlib."""
    if name.endswith(".gz"):
        return {name: gzip.decompress(content)}
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            return {f"{name}/{member}": bundle.read(member) for member in bundle.namelist()}
    return {name: content}


def texts_below(folder: Path) -> dict[str, str]:
    """Return every log's text, unpacked."""
    return {
        inner: content.decode("utf-8")
        for name, raw in files_below(folder).items()
        if name not in BESIDE
        for inner, content in unpacked(name, raw).items()
    }


def loaded(line: str) -> Any:
    """Return a line's JSON, or None when it is none."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def rows_of(text: str) -> list[Any]:
    """Return what a JSON document, JSON lines, a page or batches hold, a record each; None for a broken line."""
    whole = loaded(text)
    items = [whole] if whole is not None else [loaded(line) for line in text.splitlines() if line.strip()]
    found: list[Any] = []
    for item in items:
        inner = item if isinstance(item, list) else (item or {}).get("value", (item or {}).get("records"))
        found += inner if isinstance(inner, list) else [item]
    return found


def event_of(row: Any) -> tuple[str, str] | None:
    """Return the (id, job id) of a record of any JSON shape, or None when it has no id or no readable instant."""
    row = (row or {}).get("properties", row) or {}
    lower = {key.lower(): value for key, value in row.items()}
    at = str(lower.get("activitydatetime") or lower.get("timegenerated"))
    readable = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z", at)
    return (lower["id"], lower["jobid"]) if lower.get("id") and readable else None


def records(tenant: Path, name: str) -> list[Any]:
    """Return the records of an event file: (id, job id), or None for one that cannot be read."""
    parts = unpacked(name, (tenant / name).read_bytes())
    if name.endswith(".zip"):
        text = parts[f"{name}/ProvisioningLogs.csv"].decode("utf-8-sig")
        return [(row["ID"], row["Job ID"]) for row in csv.DictReader(io.StringIO(text, newline=""))]
    text = parts[name].decode("utf-8")
    if name.endswith(".csv"):
        return [event_of(row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    return [event_of(row) for row in rows_of(text)]


EVENT_SOURCES = {"graph", "diagnostic", "log_analytics", "portal"}


def event_files(key: dict[str, Any]) -> Iterator[str]:
    """Yield the files that hold events."""
    return (name for name, entry in key["files"].items() if entry["source"] in EVENT_SOURCES)


def of_app(world: World, name: str) -> list[Event]:
    """Return an app's events."""
    return [event for event in world.events if event.app.name == name]


# The same arguments give the same bytes


def test_two_writes_of_one_seed_are_equal_byte_for_byte(tenant: Path, tmp_path: Path) -> None:
    again = write_tenant(tmp_path, **SMALL).parent
    assert files_below(again) == files_below(tenant)


def test_another_seed_gives_another_tenant(world: World) -> None:
    other = imagine(**SMALL | {"seed": 12})
    assert other.directory.tenant_id != world.directory.tenant_id
    assert not {event.event_id for event in other.events} & {event.event_id for event in world.events}


def test_progress_rises_to_one(tmp_path: Path) -> None:
    heard: list[float] = []
    write_tenant(tmp_path, **SMALL, progress=heard.append)
    assert heard == sorted(heard) and heard[-1] == 1.0


@pytest.mark.parametrize(("name", "given"), [("users", 39), ("groups", 3), ("days", 9)])
def test_a_tenant_too_small_for_its_stories_is_refused_in_a_sentence(tmp_path: Path, name: str, given: int) -> None:
    with pytest.raises(ValueError, match=f"{name} is {given}; the planted stories need at least"):
        write_tenant(tmp_path, **SMALL | {name: given})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_smallest_tenant_tells_every_story(tmp_path: Path, seed: int) -> None:
    path = write_tenant(tmp_path, seed=seed, users=40, groups=4, days=10)
    told = {entry["story"] for entry in json.loads(path.read_text(encoding="utf-8"))["planted"]}
    assert told == set(STORIES) | SILENT


# What the events must keep to


def test_an_event_is_known_by_its_id_and_its_job(world: World) -> None:
    assert len({event.key for event in world.events}) == len(world.events)


def test_no_subject_has_two_events_in_one_second_of_a_job(world: World) -> None:
    moments = Counter((event.app.job_id, event.intent.subject.source_id, event.at) for event in world.events)
    assert max(moments.values()) == 1


def test_events_lie_inside_the_window(world: World) -> None:
    assert all(world.timeline.since <= event.at < world.timeline.until for event in world.events)


def test_a_cycle_ends_before_the_next_one_begins(world: World) -> None:
    for cycles in world.histories:
        assert all(first.ended < second.began for first, second in pairwise(cycles))


def test_nobody_is_written_to_before_they_are_created(world: World) -> None:
    writes = ("update", "disable", "enable", "delete", "members")
    assert all(event.target_id for event in world.events if event.intent.what in writes)


def test_request_ids_are_unique(world: World) -> None:
    assert len({exchange.request_id for exchange in world.exchanges}) == len(world.exchanges)


# The planted stories


def test_every_story_is_in_the_key_with_files_that_exist(tenant: Path, stories: dict[str, Any]) -> None:
    assert set(stories) == set(STORIES) | SILENT
    for entry in stories.values():
        assert entry["where"] and all((tenant / name).exists() for name in entry["where"])


def test_the_initial_cycle_creates_everybody_assigned_in_each_app(world: World) -> None:
    for roster, cycles in zip(world.directory.rosters, world.histories, strict=True):
        seen = {event.intent.subject.source_id for event in cycles[0].events}
        assert {person.source_id for person in roster.members} <= seen
        assert {group.source_id for group in roster.groups} <= seen


def test_a_dead_token_stops_cerbys_events_while_its_probes_are_refused(world: World) -> None:
    app = world.apps[0]
    for outage in world.timeline.outages(app):
        end = outage.ended or world.timeline.until
        assert not [event for event in of_app(world, "Cerby") if outage.began <= event.at < end]
        inside = [exchange for exchange in world.exchanges if outage.began <= exchange.at < end]
        assert {exchange.status for exchange in inside} == {401} and all(exchange.probe for exchange in inside)


def test_the_first_quarantine_heals_and_the_second_outlasts_the_history(world: World) -> None:
    first, second = world.timeline.outages(world.apps[0])
    assert first.ended and any(event.at >= first.ended for event in of_app(world, "Cerby"))
    assert second.ended is None and len(second.refusals) >= 4


def test_the_last_snapshots_say_quarantined_active_and_idle(tenant: Path, key: dict[str, Any]) -> None:
    seen = [row for name, text in texts_below(tenant).items() if name.startswith("jobs/") for row in rows_of(text)]
    last = {
        row["servicePrincipal"]["displayName"]: row["status"] for row in sorted(seen, key=lambda row: row["observedAt"])
    }
    assert last["Cerby"]["code"] == "Quarantine"
    assert last["Cerby"]["quarantine"]["reason"] == "EncounteredQuarantineException"
    assert last["Fabrikam Desk"]["code"] == "Active" and last["Fabrikam Desk"]["lastExecution"]["state"] == "Succeeded"
    assert len(seen) == key["totals"]["job_snapshots"]


def test_the_first_snapshots_are_of_jobs_that_never_ran(tenant: Path) -> None:
    names = sorted(name for name in files_below(tenant) if name.startswith("jobs/"))
    first = rows_of(unpacked(names[0], (tenant / names[0]).read_bytes())[names[0]].decode())[:3]
    assert {row["status"]["code"] for row in first} == {"NotRun"}
    assert {row["status"]["lastExecution"]["timeBegan"] for row in first} == {"0001-01-01T00:00:00Z"}


def test_the_escrow_grows_over_three_days_and_is_cleared_in_one_cycle(world: World) -> None:
    told = world.events_of("growing_escrow")
    first = {event.intent.subject.source_id: event.at.date() for event in reversed(told) if event.failure}
    assert len(set(first.values())) == 3
    cleared = [event for event in told if event.status == "success"]
    assert len({event.cycle_id for event in cleared}) == 1
    assert {event.intent.subject.source_id for event in cleared} == set(first)


def test_retries_follow_the_ladder_and_say_so(world: World) -> None:
    by_person: dict[str, list[Event]] = defaultdict(list)
    for event in world.events_of("growing_escrow"):
        if event.failure:
            by_person[event.intent.subject.source_id].append(event)
    longest = max(by_person.values(), key=len)
    waited = [round((event.at - longest[0].at).total_seconds() / 3600) for event in longest]
    assert waited[:4] == [0, 6, 12, 24]
    for count, event in enumerate(longest):
        assert (
            event.failure
            and f"retried {count} times. It will be retried again after this date: " in event.failure.reason
        )


def test_a_failure_of_the_target_carries_its_scim_error(world: World) -> None:
    conflict = next(event for event in world.events_of("growing_escrow") if event.failure)
    reason = conflict.failure.reason if conflict.failure else ""
    assert reason.startswith("StatusCode: Conflict\r\nMessage: ")
    body = json.loads(reason.split("Web Response: \r\n")[1].split(". This operation was retried")[0])
    assert body["scimType"] == "uniqueness" and body["status"] == "409"


def test_the_throttled_hour_ends_well_for_everybody(world: World, stories: dict[str, Any]) -> None:
    told = world.events_of("throttled_hour")
    assert {event.failure.code for event in told if event.failure} == {"TooManyRequests"}
    assert (told[-1].at - told[0].at).total_seconds() < 2 * 3600
    facts = stories["throttled_hour"]["facts"]
    assert facts["successes"] == facts["objects"] and facts["failures"] > facts["objects"]


def test_cerby_skips_whoever_lacks_what_it_requires(world: World) -> None:
    lacks = {event.intent.lacks for event in world.events_of("missing_attributes") if event.skip_reason}
    assert lacks == {"name.familyName", 'emails[type eq "work"].value'}


def test_the_duplicate_stays_open(stories: dict[str, Any], key: dict[str, Any]) -> None:
    assert stories["duplicate_target"]["facts"]["states_at_the_end"] == ["failing"]
    assert key["escrows"][key["apps"][0]["job_id"]]["open_error_codes"]["DuplicateTargetEntries"] == 1


def test_the_wave_disables_many_within_three_cycles(world: World) -> None:
    told = world.events_of("wave_of_disables")
    assert len(told) >= 6 and len({event.cycle_id for event in told}) == 3
    assert {(event.action, event.status) for event in told} == {("disable", "success")}


def test_three_of_ten_members_stay_unresolved_and_the_third_step_names_them(world: World) -> None:
    told = world.events_of("unresolved_members")
    group, last = told[-1].intent, told[-1]
    assert len(group.unresolved) == 3 and "members" in {change.attribute for change in last.changes}
    text = last.steps[2].description
    assert text.startswith("UnableToResolveReferenceAttributeValue: We were unable to assign ")
    assert all(person.upn in text for person in group.unresolved)


def test_the_idle_app_has_no_events_in_its_last_days(world: World) -> None:
    last = max(event.at for event in of_app(world, "Fabrikam Desk"))
    assert (world.timeline.until - last).days >= 4


def test_most_of_the_noise_is_out_of_scope(world: World) -> None:
    reasons = Counter(event.skip_reason for event in world.events if event.skip_reason)
    assert reasons["NotEffectivelyEntitled"] > reasons["RedundantExport"] > reasons["AttributeValidationFailed"] > 0


def test_one_action_is_undocumented_and_kept_as_spelled(world: World) -> None:
    assert [event.action for event in world.events_of("undocumented_action")] == ["mirror"]


def test_one_id_is_two_events_in_two_jobs(world: World) -> None:
    told = world.events_of("one_id_two_jobs")
    assert len({event.event_id for event in told}) == 1 and len({event.app.job_id for event in told}) == 2


# The answers


def test_totals_are_those_of_the_events(world: World, key: dict[str, Any]) -> None:
    totals = key["totals"]
    assert totals["events"] == len(world.events)
    assert totals["steps"] == sum(len(event.steps) for event in world.events)
    assert totals["exchanges"] == len(world.exchanges)
    assert totals["lines"] == sum(entry["lines"] for entry in key["files"].values())
    assert totals["rejects"] == sum(entry["rejects"] for entry in key["files"].values()) == 8


def test_each_breakdown_adds_up_to_the_events(world: World, key: dict[str, Any]) -> None:
    for name in ("events_by_job_status", "events_by_job_action"):
        assert sum(row["events"] for row in key[name]) == len(world.events)
    failures = sum(event.status == "failure" for event in world.events)
    assert sum(row["events"] for row in key["errors_by_code"]) == failures
    assert sum(summary["attempts"] for summary in key["escrows"].values()) == failures
    assert sum(row["exchanges"] for row in key["exchanges_by_status"]) == len(world.exchanges)


def test_open_escrows_are_the_failing_identities(key: dict[str, Any]) -> None:
    for job_id, summary in key["escrows"].items():
        assert summary["open"] == key["identities"][job_id].get("failing", 0)
        assert sum(summary["open_error_codes"].values()) == summary["open"]


def test_states_add_up_to_the_identities(key: dict[str, Any]) -> None:
    for summary in key["identities"].values():
        assert sum(many for state, many in summary.items() if state != "all") == summary["all"]


def test_cycles_are_those_that_left_a_record(world: World, key: dict[str, Any]) -> None:
    for cycles in world.histories:
        summary = key["cycles"][cycles[0].app.job_id]
        kept = [cycle for cycle in cycles if cycle.events]
        assert summary["count"] == len(kept)
        assert summary["last"]["began_at"] == stamp(min(event.at for event in kept[-1].events))


def test_a_person_is_counted_as_a_second_look_counts_them(world: World, key: dict[str, Any]) -> None:
    for person in key["people"]:
        own = [
            event
            for event in world.events
            if event.app.job_id == person["job_id"] and event.intent.subject.source_id == person["source_id"]
        ]
        ended = Counter(event.status for event in own)
        assert person["attempts"] == ended["success"] + ended["failure"]
        assert person["failures"] == ended["failure"]
        assert person["benign_skips"] + person["other_skips"] == ended["skipped"]
        assert person["last_event_at"] == stamp(own[-1].at)


# The files


def test_the_files_hold_every_event_and_no_other(tenant: Path, world: World, key: dict[str, Any]) -> None:
    found = {record for name in event_files(key) for record in records(tenant, name) if record}
    assert found == {event.key for event in world.events}


def test_lines_and_rejects_are_what_a_plain_reader_counts(tenant: Path, key: dict[str, Any]) -> None:
    for name in event_files(key):
        found, entry = records(tenant, name), key["files"][name]
        assert (len(found), found.count(None)) == (entry["lines"], entry["rejects"]), name


def test_every_file_is_entered_in_the_key(tenant: Path, key: dict[str, Any]) -> None:
    assert set(files_below(tenant)) == set(key["files"]) | {"answers.json"}


def test_each_exchange_is_written_once_and_one_of_them_again(world: World, key: dict[str, Any]) -> None:
    lines: Counter[str] = Counter()
    for entry in key["files"].values():
        lines[entry["source"]] += entry["lines"] - entry["rejects"]
    assert lines["scim"] + lines["access_log"] + lines["scim_pairs"] // 2 == len(world.exchanges) + 1


def test_no_two_access_lines_are_alike(tenant: Path) -> None:
    lines = [line for name, text in texts_below(tenant).items() if "access-" in name for line in text.splitlines()]
    assert len(set(lines)) == len(lines)


def test_some_events_come_in_two_shapes_and_some_lines_twice(tenant: Path, key: dict[str, Any]) -> None:
    homes: dict[tuple[str, str], set[str]] = defaultdict(set)
    repeats = 0
    for name in event_files(key):
        counts = Counter(record for record in records(tenant, name) if record)
        repeats += sum(many - 1 for many in counts.values())
        for record in counts:
            homes[record].add(key["files"][name]["source"])
    pairs = {frozenset(sources) for sources in homes.values() if len(sources) > 1}
    assert {frozenset({"graph", "diagnostic"}), frozenset({"graph", "portal"})} <= pairs
    assert repeats >= 2


def test_every_shape_is_there_plain_and_some_compressed(key: dict[str, Any]) -> None:
    sources = {entry["source"] for entry in key["files"].values()}
    assert sources == {"graph", "diagnostic", "log_analytics", "portal", "scim", "access_log", "scim_pairs", "jobs"}
    assert {name.endswith(".gz") for name in key["files"]} == {True, False}


def test_blobs_end_their_lines_with_crlf(tenant: Path) -> None:
    blobs = [path.read_bytes() for path in tenant.rglob("PT1H.json")]
    assert blobs and all(blob.endswith(b"\r\n") and blob.count(b"\r\n") == blob.count(b"\n") for blob in blobs)


def test_a_truncated_line_is_never_the_last(tenant: Path) -> None:
    assert all(text.endswith(("\n", "]", "}")) for text in texts_below(tenant).values())


def test_every_address_is_in_a_reserved_domain(tenant: Path) -> None:
    text = "\n".join(texts_below(tenant).values()).replace("%40", "@")
    domains = set(re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", text))
    assert domains
    assert all(re.fullmatch(r"example\.(com|org|net)|.+\.(example|test)", domain) for domain in domains), domains


def test_the_fake_token_is_only_where_a_reader_must_remove_it(tenant: Path, key: dict[str, Any]) -> None:
    holding = {name for name, text in texts_below(tenant).items() if FAKE_TOKEN in text}
    assert holding == {name for name, entry in key["files"].items() if entry["source"] == "scim"}


# The tenant that lies in the repository


def test_sample_logs_are_what_generate_writes(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", SAMPLE_LOGS / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.generate(tmp_path)
    assert texts_below(SAMPLE_LOGS) == texts_below(tmp_path)


def test_sample_logs_stay_below_five_megabytes() -> None:
    assert sum(map(len, files_below(SAMPLE_LOGS).values())) < 5_000_000


def test_sample_logs_tell_every_story_in_their_readme() -> None:
    readme = (SAMPLE_LOGS / "README.md").read_text(encoding="utf-8")
    key = json.loads((SAMPLE_LOGS / "answers.json").read_text(encoding="utf-8"))
    assert {entry["story"] for entry in key["planted"]} == set(STORIES) | SILENT
    for name, entry in key["files"].items():
        shown = "PT1H" in name or name in readme
        assert not entry["rejects"] or shown, name
