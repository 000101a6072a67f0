"""What is installed is what the lock files name: every requirement is in them, with hashes, and all ways use them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
KINDS = ("", "-demo", "-dev")
PIN = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+))? \\\n(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)",
    re.M,
)


def locked(kind: str) -> dict[str, list[str]]:
    """Returns the versions of each package in a lock file, which must all have hashes."""
    text = (ROOT / f"requirements{kind}.lock").read_text()
    pins: dict[str, list[str]] = {}
    for pin in PIN.finditer(text):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", pin["hashes"]), pin["name"]
        pins.setdefault(canonicalize_name(pin["name"]), []).append(pin["version"])
    assert sum(map(len, pins.values())) == len(re.findall(r"^\S+==", text, re.M)), "a package without a hash"
    return pins


def required(kind: str) -> list[Requirement]:
    """Returns what a file of requirements asks for, and those that it includes."""
    found = []
    for line in (ROOT / f"requirements{kind}.txt").read_text().splitlines():
        if line.startswith("-r "):
            found += required(line.removeprefix("-r requirements").removesuffix(".txt"))
        elif line and not line.startswith("#"):
            found.append(Requirement(line))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_requirement_is_locked_within_its_bounds(kind: str) -> None:
    pins = locked(kind)
    for one in required(kind):
        versions = pins.get(canonicalize_name(one.name), [])
        assert versions and all(one.specifier.contains(version) for version in versions), f"{one}: run `make lock`"


def test_the_locks_agree() -> None:
    tested = locked("-dev")
    for kind in KINDS:
        assert {name: pins for name, pins in locked(kind).items() if tested[name] != pins} == {}


def test_make_installs_nothing_without_a_hash() -> None:
    lines = [line for line in (ROOT / "Makefile").read_text().splitlines() if "pip install" in line or "$(PIP)" in line]
    assert len(lines) == 4 and "--require-hashes" in lines[0]
    assert [line.split()[-1] for line in lines[1:]] == [f"requirements{kind}.lock" for kind in KINDS]
    assert "pip install" not in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, 0, "none of 1 packages"),
        (
            {"dependencies": [{"name": "a", "skip_reason": "not there"}]},
            0,
            "1 of 1 packages of requirements-dev.lock skipped",
        ),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]},
            1,
            "a 1: CVE-1, fixed in 2",
        ),
        (None, 0, "skipped, nothing is known"),
    ],
)
def test_the_audit_claims_no_more_than_the_registry_knows(answer: object, code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer) if answer else 'no'}\nEND\n")
    tool.chmod(0o755)
    script = (
        f"import sys; sys.executable = {str(tmp_path / 'python')!r}; exec(open({str(ROOT / '.ci/audit')!r}).read())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stdout) == (code, True), done
