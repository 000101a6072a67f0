"""docs/dictionary.md, docs/glossary.md and docs/model.md against a real store, in both directions."""

import re
from pathlib import Path

import pytest

from pipeline.store.lake import LAKE, Store

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HEADING = re.compile(r"^## `(?P<name>\w+)`(?P<internal> \(internal\))?$")
DEFINED = re.compile(r'^create or replace (?:view|macro) "?(\w+)"?', re.MULTILINE)
ROW = re.compile(r"^\| `(?P<column>\w+)` \| `(?P<type>[^`]+)` \| (?P<meaning>.+) \|$")
PROMISED = {
    "events": """event_id, source, tenant_id, job_id, cycle_id, change_id, occurred_at, action, status, app_id,
        app_name, source_system, target_system, source_id, source_name, source_type, upn, target_id, target_type,
        duration_ms, error_code, error_category, reason, recommended_action, skip_reason, http_status, scim_type,
        scim_detail, retry_count, retry_at, last_step, steps, changes""",
    "steps": "event_id, ordinal, name, type, status, description, details",
    "changes": "event_id, attribute, old_value, new_value",
    "exchanges": """exchange_id, occurred_at, tenant_id, app_id, method, path, resource_type, resource_id, filter,
        operation, http_status, scim_type, detail, duration_ms, request_id, client, request_body, response_body""",
    "job_snapshots": """job_id, app_id, app_name, observed_at, state, quarantine_reason, quarantine_since,
        quarantine_count, next_attempt_at, interval_s, last_began_at, last_ended_at, last_state, escrowed, exported,
        imported, completed_units, total_units, users, groups, steady_since, successive_failures, deletion_threshold,
        error_code, error_message""",
    "cycles": """job_id, cycle_id, app_name, began_at, ended_at, kind, outcome, reported_outcome, events, objects,
        succeeded, failed, skipped, warnings, duration_ms""",
    "identities": """job_id, app_name, source_id, source_type, upn, source_name, target_id, state, last_event_at,
        last_success_at, attempts, failures, benign_skips, success_share, open_error_code,
        account, in_scope""",
    "escrows": "job_id, source_id, opened_at, closed_at, attempts, retry_at, dropped_at, error_code, is_reference",
    "incidents": """incident_id, rule, severity, subject, app_name, opened_at, noticed_at, closed_at, summary, evidence,
        explained_by, acknowledged_by, acknowledged_at, owner, snoozed_until, note""",
    "action_log": "acted_at, actor, action, incident_id, job_id, issue, old_value, new_value",
    "rule_runs": "rule, ran_at, outcome, findings, duration_ms",
    "rejects": "file, line, reason, raw, rejected_at",
    "files": """file, source, size, read_to, lines, kept, duplicates, rejects, unfamiliar, first_event_at,
        last_event_at, finished_at""",
}
"The contract, apart from AADProvisioningLogs, whose names are Microsoft's. Taking a name away breaks other people."

Columns = dict[str, str]


def described() -> dict[str, Columns]:
    """Gives each section's columns and their types; outcomes has the columns of events too."""
    sections: dict[str, Columns] = {}
    for line in (DOCS / "dictionary.md").read_text().splitlines():
        if heading := HEADING.match(line):
            sections[heading["name"]] = {}
        elif row := ROW.match(line):
            sections[list(sections)[-1]][row["column"]] = row["type"]
    sections["outcomes"] = sections["events"] | sections["outcomes"]
    return sections


def internal() -> set[str]:
    """Gives the names of sections, and `table.column`, that are marked internal."""
    marked, section = set(), ""
    for line in (DOCS / "dictionary.md").read_text().splitlines():
        if heading := HEADING.match(line):
            section = heading["name"]
            marked |= {section} if heading["internal"] else set()
        elif (row := ROW.match(line)) and row["meaning"].startswith("*Internal.*"):
            marked.add(f"{section}.{row['column']}")
    return marked


@pytest.fixture
def stored(store: Store) -> dict[str, Columns]:
    """What the store has: table or view to its columns and their types, in order."""
    held: dict[str, Columns] = {}
    known = "select table_name, column_name, data_type from duckdb_columns() where database_name = ?"
    for table, column, kind in store.rows(f"{known} order by table_name, column_index", [LAKE]):
        held.setdefault(table, {})[column] = kind
    return held


def test_the_dictionary_and_the_store_name_the_same_columns_in_the_same_order_with_the_same_types(
    stored: dict[str, Columns],
) -> None:
    written = described()
    assert set(written) == set(stored)
    for table, columns in stored.items():
        assert list(written[table].items()) == list(columns.items()), (
            f"docs/dictionary.md, ## {table}: a row for each column of the store was expected, in its order. Only in "
            f"the store: {', '.join(columns.keys() - written[table]) or 'none'}; only there: "
            f"{', '.join(written[table].keys() - columns) or 'none'}."
        )


def test_everything_promised_is_there_and_not_marked_internal(stored: dict[str, Columns]) -> None:
    marked = internal()
    for table, names in PROMISED.items():
        for column in re.split(r",\s+", names):
            assert column in stored[table], f"{table}.{column}"
            assert not {table, f"{table}.{column}"} & marked, f"{table}.{column}"
    assert "AADProvisioningLogs" in set(stored) - marked


def test_everything_not_promised_is_marked_internal_or_helps_to_join(stored: dict[str, Columns]) -> None:
    promised = {f"{table}.{column}" for table, names in PROMISED.items() for column in re.split(r",\s+", names)}
    for table in set(stored) - set(PROMISED) - {"AADProvisioningLogs"}:
        assert table in internal(), f"docs/dictionary.md: `{table} (internal)` was expected, or a row of PROMISED here"
    extra = {f"{table}.{column}" for table in PROMISED for column in stored[table]} - promised
    joining = {"steps.job_id", "changes.job_id", "identities.benign", "escrows.opened_from", "escrows.is_at_least"}
    others = extra - internal() - joining - JOB_SNAPSHOTS_TOO - CYCLES_TOO - INCIDENTS_TOO
    assert not others, (
        "docs/dictionary.md: a meaning that begins with *Internal.* was expected, or a name in PROMISED here"
    )
    assert extra - internal() >= joining | JOB_SNAPSHOTS_TOO | CYCLES_TOO | INCIDENTS_TOO


JOB_SNAPSHOTS_TOO = {
    f"job_snapshots.{column}"
    for column in (
        "template_id",
        "schedule_state",
        "activity_id",
        "entitled",
        "expected_exports",
        "progress_unit",
        "progress_at",
        "last_good_at",
        "steady_last_at",
        "escrows_pruned",
        "tenant_actionable",
    )
}
CYCLES_TOO = {
    f"cycles.{column}" for column in ["seen_by", "first_event_at", "last_event_at", "worked_ms", "retries", "escrowed"]
}
INCIDENTS_TOO = {
    f"incidents.{column}" for column in ["assigned_at", "snoozed_at", "noted_at", "unknown_since", "missing"]
}
"Columns that came after the contract; analysts may rely on them as well."


def test_every_column_has_a_sentence() -> None:
    for line in (DOCS / "dictionary.md").read_text().splitlines():
        if row := ROW.match(line):
            assert row["meaning"].endswith("."), line


def defined() -> dict[str, list[str]]:
    """Reads the views and macros of each file of the model."""
    files = sorted((ROOT / "pipeline" / "model").glob("*.sql"))
    return {file.name: DEFINED.findall(file.read_text(encoding="utf-8")) for file in files}


def test_every_name_of_the_model_stands_under_its_file_in_model_md_in_alphabetical_order() -> None:
    written: dict[str, list[str]] = {}
    for line in (DOCS / "model.md").read_text().splitlines():
        if file := re.match(r"## (\w+\.sql)$", line):
            written[file[1]] = []
        elif name := re.match(r"- `(\w+)(?:\([^`]*\))?`: \S", line):
            written[list(written)[-1]].append(name[1])
    for file, names in defined().items():
        expected = sorted(names, key=str.lower)
        assert written.pop(file, []) == expected, f"docs/model.md, under '## {file}': expected {', '.join(expected)}"
    assert written == {}, f"docs/model.md has sections of no file: {', '.join(written)}"


def test_the_glossary_leaves_the_model_s_own_names_to_model_md(stored: dict[str, Columns]) -> None:
    macros = {name for names in defined().values() for name in names} - set(stored)
    named = set(re.findall(r"`(\w+)`", (DOCS / "glossary.md").read_text()))
    assert len(macros) > 50
    assert not named & macros, f"docs/glossary.md names {', '.join(sorted(named & macros))}, which users do not meet"


def test_the_glossary_gives_each_word_once_in_alphabetical_order() -> None:
    words = re.findall(r"^\*\*(.+?)\*\*", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    assert words == sorted(set(words), key=str.lower)
