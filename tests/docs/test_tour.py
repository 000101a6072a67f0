"""The documents for contributors: every path that they name exists, and every command of the tour runs and answers."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    str(file.relative_to(ROOT))
    for folder in (ROOT, ROOT / "docs")
    for file in folder.glob("*.md")
    if file.name != "CHANGELOG.md"
)
PATH = re.compile(
    r"`([\w./-]+\.(?:py|sql|toml|md|json|ndjson)|(?:pipeline|views|queries|tests|docs|demo)/[\w/]*)(?::[^`]*)?`"
)
ROOMS = (
    "pipeline",
    "views",
    "queries",
    "tests",
    "docs",
    "demo",
    "benchmarks",
    "sample_logs",
    "profiles",
    "dashboard.py",
    ".streamlit",
)
OWN = ("rules.toml", "tenants.toml", "notify.toml")
"Files that an installation writes for itself."
FENCED = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The tour's commands, apart from `make`, in order."""
    blocks = FENCED.findall((ROOT / "docs/tour.md").read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.splitlines() if line.startswith(("python", "grep"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_exists(document: str) -> None:
    named = PATH.findall((ROOT / document).read_text(encoding="utf-8"))
    there = [str(path.relative_to(ROOT)) for room in ROOMS for path in [ROOT / room, *(ROOT / room).rglob("*")]]
    missing = [
        path
        for path in named
        if path not in OWN and not any(f"/{one}".endswith(f"/{path.rstrip('/')}") for one in there)
    ]
    assert not missing, f"{document} names {', '.join(missing)}, which is not there: correct the path in {document}"


@pytest.mark.deep
def test_the_tour_can_be_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", f"ducklake:sqlite:{tmp_path}/catalog.sqlite")
    assert len(commands()) >= 8
    for line in commands():
        words = [sys.executable if word == "python" else word for word in shlex.split(line)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
        # 1 is an answer too: the sample has rejects, and incidents are open.
        assert done.returncode <= 1 and not done.stderr, f"docs/tour.md: {line}\n{done.stderr}"
        assert "Yusuf" in done.stdout or "yusuf" in done.stdout or len(done.stdout.splitlines()) > 2, line
