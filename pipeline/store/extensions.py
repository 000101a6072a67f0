"""DuckDB's extensions, loaded from the installed wheels: nothing is downloaded, not even once."""

import importlib.resources
from importlib.metadata import version
from pathlib import Path


def extension_files(*names: str) -> list[Path]:
    """Returns the file of each extension inside its wheel; one fits only the DuckDB of its own version."""
    return [
        Path(str(importlib.resources.files(f"duckdb_extension_{name}")))
        / "extensions"
        / f"v{version('duckdb')}"
        / f"{name}.duckdb_extension"
        for name in names
    ]
