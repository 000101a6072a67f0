"""The house's own promises: what is documented exists, and what exists is documented."""

import re
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.formats import SOURCES
from pipeline.rules.rule import rules

ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_readme_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    default = "" if field.default in (None, "") else f"`{field.default}`"
    assert f"| `PROVISIONING_{name.upper()}` | {default} | {field.description} |" in text("README.md")


def test_every_source_module_is_in_sources() -> None:
    shared = {"__init__", "source", "events", "exchanges"}
    modules = {file.stem for file in (ROOT / "pipeline/ingest/formats").glob("*.py")} - shared
    assert len(modules) == len(SOURCES)
    assert len({source.name for source in SOURCES}) == len(SOURCES)


def test_every_rule_has_a_section_of_the_runbook_and_every_section_a_rule() -> None:
    assert set(re.findall(r"^## `(\w+)`", text("docs/runbook.md"), re.MULTILINE)) == set(rules())


@pytest.mark.parametrize("rule", sorted(rules()))
def test_every_rule_is_tried_firing_silent_and_closing(rule: str) -> None:
    tried = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    for case in ("fires", "is_silent", "closes"):
        assert f"def test_{rule}_{case}" in tried, case


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
