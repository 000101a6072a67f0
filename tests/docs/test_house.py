"""The house's own promises: what is documented exists, and what exists is documented."""

import re
from pathlib import Path

import pytest

from pipeline.__main__ import command_line
from pipeline.config.settings import Settings
from pipeline.ingest.formats import SOURCES
from pipeline.rules.rule import rules
from pipeline.store.migrate import MODEL

ROOT = Path(__file__).resolve().parents[2]
AGGREGATES = "load_aggregates.sql"
"What each transaction runs; it defines nothing."


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def report(faults: list[str]) -> None:
    """Fails with one line for each fault, and nothing else."""
    if faults:
        pytest.fail("\n".join(["", *faults]), pytrace=False)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_readme_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    default = "" if field.default in (None, "") else f"`{field.default}`"
    row = f"| `PROVISIONING_{name.upper()}` | {default} | {field.description} |"
    report([] if row in text("README.md") else [f"README.md, section Settings, lacks this row: {row}"])


def test_every_format_is_listed_and_tried() -> None:
    shared = {
        "__init__",
        "source",
        "events",
        "exchanges",
        "combined",
        "line_joins",
        "security_events",
        "request_lines",
        "request_records",
        "request_shapes",
    }
    modules = {file.stem for file in (ROOT / "pipeline/ingest/formats").glob("*.py")} - shared
    listed = text("pipeline/ingest/formats/__init__.py")
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests/ingest").glob("test_*.py"))
    home = "pipeline/ingest/formats"
    report(
        [
            f"{home}/{one}.py: add {one}.SOURCE to SOURCES in {home}/__init__.py"
            for one in sorted(modules)
            if f"{one}.SOURCE" not in listed
        ]
    )
    report(
        [
            f"{home}: no test in tests/ingest names the source {source.name!r}; add a sample and the rows expected"
            for source in SOURCES
            if not re.search(rf"\b{source.name}\b", tests)
        ]
    )
    assert len({source.name for source in SOURCES}) == len(SOURCES)


def test_every_rule_has_a_section_of_the_runbook_and_every_section_a_rule() -> None:
    sections = set(re.findall(r"^## `(\w+)`", text("docs/runbook.md"), re.MULTILINE))
    report(
        [
            f"docs/runbook.md lacks the section ## `{rule}`: what to do when it fires"
            for rule in sorted(set(rules()) - sections)
        ]
    )
    report(
        [
            f"docs/runbook.md: ## `{one}` is no rule of queries/health; take it out"
            for one in sorted(sections - set(rules()))
        ]
    )


@pytest.mark.parametrize("rule", sorted(rules()))
def test_the_runbook_names_the_root_causes_of_a_rule_as_its_header_does(rule: str) -> None:
    _, heading, behind = text("docs/runbook.md").partition(f"## `{rule}`")
    report([] if heading else [f"docs/runbook.md lacks the section ## `{rule}`"])
    section = re.split(r"^## ", behind, flags=re.MULTILINE)[0]
    written = re.findall(r"^\*\*Explained by\*\* (.+)\.$", section, re.MULTILINE)
    expected = ", ".join(f"`{one.rule}`" for one in rules()[rule].explained_by)
    report(
        [f"docs/runbook.md: ## `{rule}` lacks **Explained by** {expected}."]
        if written != ([expected] * bool(expected))
        else []
    )


@pytest.mark.parametrize("rule", sorted(rules()))
def test_every_rule_is_tried_firing_silent_and_closing(rule: str) -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    cases = [f"test_{rule}_{case}" for case in ("fires", "is_silent", "closes")]
    report([f"tests/rules/test_rules.py lacks {case}" for case in cases if f"def {case}" not in tests])


def test_every_file_of_the_model_is_built() -> None:
    files = {file.name for file in (ROOT / "pipeline/model").glob("*.sql")} - {AGGREGATES}
    report(
        [
            f"pipeline/model/{one}: add it to MODEL in pipeline/store/migrate.py, behind what it uses"
            for one in sorted(files - set(MODEL))
        ]
    )


def test_every_command_is_in_the_command_line() -> None:
    helpers = {"__init__", "answers", "arguments", "terminal"}
    files = {file.stem for file in (ROOT / "pipeline/commands").glob("*.py")} - helpers
    named = {command.callback.__name__ for command in command_line().registered_commands if command.callback}
    report([f"pipeline/commands/{one}.py: add it to COMMANDS in pipeline/__main__.py" for one in sorted(files - named)])


def test_no_module_is_larger_than_one_subject() -> None:
    """One subject stays together; what is longer than 450 lines is more than one."""
    large = [
        f"{file.relative_to(ROOT)}: {lines} lines; part it by subject"
        for folder in ("pipeline", "views")
        for file in (ROOT / folder).rglob("*.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 450
    ]
    assert not large, "\n" + "\n".join(large)


def test_the_top_level_holds_what_was_prescribed() -> None:
    for name in ("dashboard.py", "pipeline", "queries", "sample_logs", "tests", "requirements.txt"):
        assert (ROOT / name).exists()


def test_no_path_of_one_machine_stands_in_the_project() -> None:
    kinds = {".py", ".sql", ".md", ".toml", ".json", ".yml", ""}
    found = [
        str(file.relative_to(ROOT))
        for folder in ("pipeline", "views", "queries", "tests", "docs", "benchmarks", ".ci")
        for file in (ROOT / folder).rglob("*")
        if file.is_file()
        and file.suffix in kinds
        and re.search(r"(?<!\w)/(?:home|root)/\w", file.read_text("utf-8", "replace"))
    ]
    assert [name for name in found if "test_house" not in name] == []
