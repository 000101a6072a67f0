"""CONTRIBUTING's table "To add", tried on a copy of the project: it is enough, and what is left out is named."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.settings import Settings
from pipeline.ingest.files import ingest
from pipeline.store.lake import open_store
from tests.support.lakes import copied

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "data", "__pycache__", ".*_cache", "*.png")
HOUSE = [f"tests/docs/test_{name}.py" for name in ("house", "house_of_pages", "dictionary")]
"What holds the house; not this file, which would try the recipes in a copy of the copy, and so on."


class Copy:
    """A copy of the project with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        shutil.copytree(ROOT, self.folder, ignore=LEFT_OUT)
        store = f"ducklake:sqlite:{folder}/catalog.sqlite"
        self.environment = {**os.environ, "PROVISIONING_STORE": store, "PYTHONPATH": str(self.folder)}

    def write(self, name: str, text: str) -> Path:
        """Adds a file."""
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file

    def change(self, name: str, old: str, new: str) -> None:
        """Changes one place of a file."""
        file = self.folder / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        file.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *words: str) -> str:
        """Runs Python in the copy; exit code 1 is an answer with something worth a look."""
        return self.python("-m", "pipeline", *words)

    def python(self, *words: str) -> str:
        """Runs Python in the copy and returns what it printed."""
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode <= 1, done.stderr
        return done.stdout

    def house(self, test: str) -> str:
        """Runs one house test in the copy and returns its report: '' where it passes."""
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *HOUSE, "-k", test]
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.stdout if done.returncode else ""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store that holds one file of the sample, made once: making a store takes longer than most of what is tried."""
    filled = Settings(_env_file=None, store=f"ducklake:sqlite:{tmp_path_factory.mktemp('filled')}/catalog.sqlite")
    store = open_store(filled)
    ingest(store, [str(ROOT / "sample_logs/graph/cerby-2026-01-22.ndjson")])
    store.close()
    return filled


@pytest.fixture
def project(tmp_path: Path, filled: Settings) -> Copy:
    """A copy of the project with a copy of the store."""
    copy = Copy(tmp_path)
    copied(filled, Settings(_env_file=None, store=copy.environment["PROVISIONING_STORE"]))
    return copy


@pytest.mark.deep
def test_a_question_is_one_file(project: Copy) -> None:
    question = """-- How many events has each action?
--
-- Title    Events by action
-- Topic    Failures and issues
--
-- Columns
--   action   what Entra did
--   events   how many
select "action", count(*) as events
from events
group by "action"
order by "action"
"""
    project.write("queries/recipe_actions.sql", question)
    assert "recipe_actions" in project.run("ask", "--json")
    assert json.loads(project.run("ask", "recipe_actions", "--json"))[0].keys() == {"action", "events"}
    report = project.house("every_question_is_asked_somewhere")
    assert "queries/recipe_actions.sql" in report and "For analysts" in report
    project.change("queries/recipe_actions.sql", "--\n-- Columns", "--\n-- For analysts\n--\n-- Columns")
    assert project.house("every_question_is_asked_somewhere") == ""


@pytest.mark.deep
def test_a_rule_is_one_file_and_what_else_it_needs_is_named(project: Copy) -> None:
    rule = (project.folder / "queries/health/failing_runs.sql").read_text(encoding="utf-8")
    project.write("queries/health/recipe_rule.sql", rule)
    assert "recipe_rule" in project.run("check", "--json")
    report = project.house("rule")
    for named in ("docs/runbook.md", "## `recipe_rule`", "test_recipe_rule_fires", "test_recipe_rule_is_silent"):
        assert named in report, report


@pytest.mark.deep
def test_a_log_format_is_one_file_and_its_name(project: Copy) -> None:
    project.write(
        "pipeline/ingest/formats/recipe.py",
        '''"""Events under a key of a collector of our own."""

from pipeline.ingest.formats.events import GRAPH
from pipeline.ingest.formats.source import Source
from pipeline.ingest.layout import Head
from pipeline.ingest.records.event import Event


def recognises(head: Head) -> bool:
    """The collector's mark in each record."""
    return head.has("recipeMark", "jobId")


SOURCE = Source("recipe", "events", Event, recognises, lambda records: GRAPH.format(records=records))
''',
    )
    formats = "pipeline/ingest/formats/__init__.py"
    project.change(formats, "    jobs.SOURCE,\n", "    jobs.SOURCE,\n    recipe.SOURCE,\n")
    project.change(formats, "portal, scim,", "portal, recipe, scim,")
    event = json.loads((ROOT / "sample_logs/graph/cerby-2026-01-22.ndjson").read_text("utf-8").splitlines()[0])
    log = project.write("recipe.ndjson", json.dumps(event | {"id": "recipe-1", "recipeMark": True}) + "\n")
    read = json.loads(project.run("ingest", str(log), "--json"))["files"][0]
    assert (read["source"], read["kept"]) == ("recipe", 1)
    report = project.house("every_format")
    assert "tests/ingest" in report and "recipe" in report


@pytest.mark.deep
def test_a_page_is_one_file_and_its_name(project: Copy) -> None:
    project.write("views/recipe.py", '"""Recipe: a page."""\n\nimport streamlit as st\n\nst.subheader("Recipe page")\n')
    report = project.house("every_page_file_is_in_the_navigation")
    assert "views/recipe.py" in report and "PAGES" in report
    last = '        Entry("access.py",'
    project.change("views/app.py", last, '        Entry("recipe.py", "Recipe", "science", "a recipe"),\n' + last)
    assert project.house("every_page_file_is_in_the_navigation") == ""
    drawn = """
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("views/app.py", default_timeout=60).run().switch_page("recipe.py").run()
print([heading.value for heading in page.subheader], list(page.exception))
"""
    assert "['Recipe page'] []" in project.python("-c", drawn)


@pytest.mark.deep
def test_a_section_of_a_page_is_a_panel(project: Copy) -> None:
    first, last = "from views.parts.reports.digest import", "        draw_evidence()\n"
    imports = "from views.frame.panel import panel\nfrom views.frame.table import table\n"
    project.change("views/reports.py", first, imports + first)
    project.change("views/reports.py", last, f'{last}    panel("outcomes_by_action", table)\n')
    drawn = """
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("views/app.py", default_timeout=60).run().switch_page("reports.py").run()
print(page.subheader[-1].value, list(page.exception))
"""
    assert project.python("-c", drawn) == "Outcomes by action []\n"
    assert project.house("every") == ""


@pytest.mark.deep
def test_a_noun_is_one_file_and_its_name(project: Copy) -> None:
    noun = "-- recipe_days: one row per day with events.\n--   day  the day\ncreate or replace view recipe_days as\n"
    project.write("pipeline/model/recipe.sql", f'{noun}select distinct occurred_at::date as "day" from events;\n')
    report = project.house("every_file_of_the_model_is_built")
    assert "pipeline/model/recipe.sql" in report and "pipeline/store/migrate.py" in report
    project.change("pipeline/store/migrate.py", '    "tokens.sql",\n', '    "tokens.sql",\n    "recipe.sql",\n')
    project.run("ingest", "sample_logs/graph/cerby-2026-01-22.ndjson")
    assert "2026-01-22" in project.run("sql", "from recipe_days")
    assert "recipe_days" in project.house("dictionary")


@pytest.mark.deep
def test_a_column_is_a_migration(project: Copy) -> None:
    numbers = [int(file.name[:4]) for file in (project.folder / "pipeline/model/migrations").glob("*.sql")]
    migration = "-- A column for the recipe.\nalter table incidents add column if not exists recipe varchar;\n"
    project.write(f"pipeline/model/migrations/{max(numbers) + 1:04}_recipe.sql", migration)
    project.run("ingest", "sample_logs/graph/cerby-2026-01-22.ndjson")
    assert json.loads(project.run("sql", "select count(recipe) as n from incidents", "--json")) == [{"n": 0}]
    assert "incidents" in project.house("dictionary")


@pytest.mark.deep
def test_a_setting_is_one_field_and_a_row_of_the_readme(project: Copy) -> None:
    field = '    recipe: int = Field(7, ge=1, description="Days of the recipe.")\n'
    project.change("pipeline/config/settings.py", "    clock: str = Field(", f"{field}    clock: str = Field(")
    report = project.house("every_setting")
    row = "| `PROVISIONING_RECIPE` | `7` | Days of the recipe. |"
    assert row in report and "README.md" in report
    project.change("README.md", "| `PROVISIONING_CLOCK` |", f"{row}\n| `PROVISIONING_CLOCK` |")
    assert project.house("every_setting") == ""


def test_a_cause_is_one_entry(project: Copy) -> None:
    entry = """
[[cause]]
name = "recipe_broken"
codes = ["RecipeBroken"]
title = "The recipe is broken"
meaning = "It is."
owner = "target"
steps = ["Write it anew."]
source = "this test"
"""
    causes = project.folder / "pipeline/knowledge/causes.toml"
    causes.write_text(causes.read_text(encoding="utf-8") + entry, encoding="utf-8")
    asked = "from pipeline.knowledge.causes import find_cause; print(find_cause('ContosoRecipeBroken').title)"
    assert project.python("-c", asked) == "The recipe is broken\n"


@pytest.mark.deep
def test_a_command_is_one_file_and_its_name(project: Copy) -> None:
    lines = ['"""The command `recipe`: prints a word."""', "", "", "def recipe() -> None:", '    print("ready")', ""]
    project.write("pipeline/commands/recipe.py", "\n".join(lines))
    report = project.house("every_command")
    assert "pipeline/commands/recipe.py" in report and "pipeline/__main__.py" in report
    project.change("pipeline/__main__.py", "    publish,\n    repair,", "    publish,\n    recipe,\n    repair,")
    project.change(
        "pipeline/__main__.py", "        verify.verify,\n", "        verify.verify,\n        recipe.recipe,\n"
    )
    assert project.run("recipe") == "ready\n"
    assert project.house("every_command") == ""
