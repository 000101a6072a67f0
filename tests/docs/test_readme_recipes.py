"""Every recipe of README.md, on a fresh store: it runs as it stands there, and it answers.

What a recipe fetches from elsewhere (`az`, `azcopy`, `docker`, a download of the portal) is laid down as a file of that
shape; everything that begins with `python -m pipeline` is run word for word.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import duckdb
import pytest

from demo.standin import StandIn
from pipeline.config.settings import Settings
from pipeline.store.extensions import extension_files
from pipeline.store.lake import open_store
from tests.scenarios import files
from tests.scenarios.lives import draw
from tests.support.posts import SMTP_TABLE, post_office
from tests.support.tenants import small_tenant

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_logs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)
RECIPES = [text for kind, text in BLOCKS if not kind and re.search(r"^python -m pipeline", text, re.M)]
DICE = Random(1)
WORLD = draw(1)

pytestmark = pytest.mark.slow


def title(text: str) -> str:
    """Names a recipe by its first command of ours."""
    first = next(line for line in text.splitlines() if line.startswith("python -m pipeline"))
    return "-".join(first.split("#")[0].split()[3:6])


class Kitchen:
    """A folder with a fresh store, where recipes are tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PROVISIONING_")}
        self.environment = kept | {"PYTHONPATH": str(ROOT), "PROVISIONING_THREADS": "1"}

    def cook(self, recipe: str) -> None:
        """Runs a recipe, line by line."""
        for line in recipe.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["export"]:
                self.export(words[1])
            elif words[:3] == ["python", "-m", "pipeline"]:
                self.run(words[3:])
            elif words:
                self.lay(words)

    def export(self, setting: str) -> None:
        """Sets a variable; the file that it names must be there."""
        name, _, value = setting.partition("=")
        assert (self.folder / value).exists(), f"{setting}: say in this test how that file is made"
        self.environment[name] = value

    def lay(self, words: list[str]) -> None:
        """Lays down what a command of others would have fetched."""
        folder = self.folder
        match words:
            case ["az", "rest", "--url", url, ">", name] if "auditLogs" in url:
                (folder / name).write_text(files.page(WORLD.events, DICE), encoding="utf-8")
            case ["az", "rest", "--url", url, ">", name] if "synchronization/jobs" in url:
                (folder / name).write_text(json.dumps({"value": WORLD.statuses[-1:]}), encoding="utf-8")
            case ["azcopy", "copy", _, name, "--recursive"]:
                hour = folder / name / "tenantId=t/y=2026/m=01/d=05/h=12/m=00"
                hour.mkdir(parents=True)
                (hour / "PT1H.json").write_text(files.blob(WORLD.events, DICE), encoding="utf-8")
            case ["az", "monitor", *_, ">", name]:
                (folder / name).write_text(files.table(WORLD.events, DICE), encoding="utf-8")
            case ["unzip", _, "-d", name]:
                shutil.unpack_archive(SAMPLE / "portal/ProvisioningLogs-contoso-docs.zip", folder / name)
            case ["docker", "compose", "logs", "--no-color", service, ">", name]:
                text = files.lines(WORLD.requests, DICE).splitlines()
                (folder / name).write_text("".join(f"{service}-1  | {line}\n" for line in text), encoding="utf-8")
            case _:
                pytest.fail(f"README says `{' '.join(words)}`: say in this test what that leaves")

    def run(self, words: list[str]) -> None:
        """Runs a command of ours; one that runs until it is told to stop is told so."""
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *words],
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if words[0] == "watch":
            assert process.stderr is not None and process.stdout is not None
            assert process.stderr.readline() or process.stdout.readline(), "nothing was said"
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
        said = f"{' '.join(words)}: exit {process.returncode}\n{out}\n{err}"
        assert process.returncode in (0, 1) and "Traceback" not in err, said
        if words[0] == "ask" and len(words) > 1:
            rows = json.loads(out) if "--json" in words else re.findall("^│", out, re.MULTILINE)
            assert rows or words[1] in EMPTY_AT_FIRST, f"{said}: no row"
        elif words[0] != "watch":
            assert out.strip() or (self.folder / words[-1]).exists(), f"{said}: no answer"


EMPTY_AT_FIRST = {"incidents", "messages"}
"Questions about what only a check or a delivery leaves behind."


@pytest.fixture(scope="module")
def store_with_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store has logs, made once; recipes that take logs for granted get a copy."""
    kitchen = Kitchen(tmp_path_factory.mktemp("loaded"))
    for name in ("graph/cerby-2026-01-22.ndjson", "scim/cerby-2026-01-21.jsonl"):
        kitchen.run(["ingest", str(SAMPLE / name)])
    return kitchen.folder


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty store, made once: making it takes longer than most recipes."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "data").mkdir()
    open_store(Settings(_env_file=None, store=f"ducklake:sqlite:{folder}/data/catalog.sqlite")).close()
    return folder


@pytest.fixture
def kitchen(
    tmp_path: Path, store_with_logs: Path, empty_store: Path, request: pytest.FixtureRequest
) -> Iterator[Kitchen]:
    """A folder with a fresh store; with the logs, tenants and addresses that a recipe takes for granted."""
    kitchen, recipe = Kitchen(tmp_path), request.param
    with StandIn([small_tenant()]) as graph, post_office() as (_, port):
        graph.tenants_toml(tmp_path)
        kitchen.environment |= graph.environment()
        mail = 'email = "it@example.com"\n' + SMTP_TABLE.format(port=port)
        (tmp_path / "notify.toml").write_text(mail, encoding="utf-8")
        has_logs = "ingest" not in recipe and "TENANTS" not in recipe
        shutil.copytree(store_with_logs if has_logs else empty_store, tmp_path, dirs_exist_ok=True)
        if "people --search ada" in recipe:
            kitchen.lay(["az", "rest", "--url", "auditLogs", ">", "world.json"])
            kitchen.run(["ingest", "world.json"])
        yield kitchen


@pytest.mark.parametrize(
    ("kitchen", "recipe"), [(one, one) for one in RECIPES], ids=map(title, RECIPES), indirect=["kitchen"]
)
def test_a_recipe_runs_as_it_stands(kitchen: Kitchen, recipe: str) -> None:
    kitchen.cook(recipe)


def loaded() -> duckdb.DuckDBPyConnection:
    """Connects with the extensions of the installed packages, as README says for a machine without a network."""
    database = duckdb.connect()
    for file in extension_files("ducklake", "sqlite_scanner"):
        database.load_extension(str(file))
    return database


def test_the_recipes_of_others_attach_to_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kitchen = Kitchen(tmp_path)
    kitchen.run(["ingest", str(SAMPLE / "graph/cerby-2026-01-22.ndjson")])
    monkeypatch.chdir(tmp_path)
    [shell] = [text for kind, text in BLOCKS if kind == "sql"]
    with loaded() as database:
        assert database.execute(shell.replace("install ducklake; install sqlite;", "")).fetchall()
    [script] = [text for kind, text in BLOCKS if kind == "python"]
    told = script.replace("install ducklake; install sqlite; ", "").replace("db = duckdb.connect()", "")
    with loaded() as database:
        names = {"db": database}
        *lines, last = told.strip().splitlines()
        exec("\n".join(lines), names)
        assert len(eval(last, names)) > 0
