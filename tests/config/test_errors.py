"""Errors that a person can meet have one base class and one place; each way out of the program knows the base class."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pipeline.config import errors
from pipeline.config.errors import ProvisioningError

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "views")
SIGNALS = {
    "Stopping": "ends a background job between two transactions; the scheduler catches it",
    "Stopped": "ends a poll between two requests; the command and the background job catch it",
    "TenantBusy": "another process polls this tenant; the poll reports it with its other results",
    "NothingToCheck": "a permission could not be tried out; the preflight shows it as unknown",
    "Spoiled": "a member is cut off; the record's model makes a reject of it",
    "Abandoned": "the browser stopped reading an export; the thread that writes it catches it",
    "CutShort": "a file ends within a record; reading catches it and waits for the rest",
}
"Exceptions that no person meets, each with who catches it."


def classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    """Every class of the product with its file."""
    for file in (*(one for package in PACKAGES for one in (ROOT / package).rglob("*.py")), ROOT / "dashboard.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield file, node


def bases(node: ast.ClassDef) -> set[str]:
    """The names of a class's bases."""
    return {base.id if isinstance(base, ast.Name) else base.attr for base in node.bases
            if isinstance(base, ast.Name | ast.Attribute)}  # fmt: skip


def test_every_error_derives_from_the_one_base() -> None:
    made = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, BaseException)]
    assert len(made) > 10
    assert [one.__name__ for one in made if not issubclass(one, ProvisioningError)] == []
    assert [one.__name__ for one in made if not one.__doc__] == []


def test_no_exception_that_a_person_meets_is_defined_beside_them() -> None:
    known = {name for name, one in vars(errors).items() if isinstance(one, type)}
    every = list(classes())
    # A room may refine an error; a refinement may be refined again.
    while more := {node.name for _, node in every if bases(node) & known} - known:
        known |= more
    strays = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}: derive it from a class of pipeline/config/errors.py; if "
        "it never reaches a person, list it in SIGNALS of this test with who catches it"
        for file, node in every
        if node.name not in known | set(SIGNALS)
        and any(base in ("Exception", "BaseException") or base.endswith(("Error", "Exit")) for base in bases(node))
    ]
    assert strays == []


def test_a_signal_that_is_listed_is_there() -> None:
    assert set(SIGNALS) <= {node.name for _, node in classes()}


def test_only_commands_refuse_arguments() -> None:
    """`InvalidRequest` is a command's; what other modules refuse has a class of its own."""
    uses = [
        file.relative_to(ROOT)
        for file in (ROOT / "pipeline").rglob("*.py")
        if file.parent.name != "commands" and file.name != "errors.py" and "InvalidRequest" in file.read_text()
    ]
    assert uses == []


def test_every_way_out_maps_the_base_class() -> None:
    """The command line and the dashboard turn any of them into a sentence; background jobs record any exception."""
    for name, handled in (
        ("pipeline/__main__.py", {"ProvisioningError"}),
        ("dashboard.py", {"ProvisioningError"}),
        ("views/app.py", {"ProvisioningError"}),
        ("pipeline/scheduler/scheduler.py", {"Exception", "ProvisioningError"}),
    ):
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        caught = {node.type.id for node in ast.walk(tree)
                  if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name)}  # fmt: skip
        assert caught & handled, f"{name} catches none of {handled}"
