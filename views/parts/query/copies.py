"""A statement as text to copy: as a command line, as Python, and as KQL for Log Analytics."""

import json
import shlex
import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.config.settings import Settings
from pipeline.config.wording import iso
from pipeline.store.catalog import Query
from pipeline.store.lake import quoted
from pipeline.store.statements import with_literals
from views.frame.filters import Bar

KQL = Path(__file__).with_name("kql.toml")
PYTHON = """\
import datetime

import duckdb

db = duckdb.connect()
db.execute("install ducklake; install {scanner}; set timezone = 'UTC'")
db.execute({attach})
db.execute("use provisioning")
rows = db.execute({sql}, {values}).df()"""


def command_line(query: Query, values: Mapping[str, Any], is_question: bool) -> str:
    """Writes a statement as a command for a shell."""
    if not is_question:
        return f"python -m pipeline sql {shlex.quote(with_literals(query.sql, values))}"
    usual = {one.name: one.default.strip("'") for one in query.parameters if one.default is not None}
    words = [
        f"--{name} {shlex.quote(iso(value) if isinstance(value, datetime) else str(value))}"
        for name, value in values.items()
        if value is not None and str(value) != usual.get(name)
    ]
    return " ".join([f"python -m pipeline ask {query.name}", *words])


def python_text(query: Query, values: Mapping[str, Any], settings: Settings) -> str:
    """Writes a statement as Python that answers it from the store."""
    scanner = "sqlite" if settings.catalog_file else "postgres"
    where = f"ducklake:sqlite:{settings.catalog_file}" if settings.catalog_file else settings.store
    attach = f"attach '{quoted(where)}' as provisioning (read_only)"
    given = ", ".join(f"{name!r}: {value!r}" for name, value in values.items())
    return PYTHON.format(
        scanner=scanner, attach=python_literal(attach), sql=long_literal(query.sql), values=f"{{{given}}}"
    )


def python_literal(text: str) -> str:
    """Writes a text as Python has it, between double quotes."""
    return json.dumps(text, ensure_ascii=False)


def long_literal(text: str) -> str:
    """Writes a text of several lines as Python has it."""
    plain = "\\" not in text and '"""' not in text and not text.endswith('"')
    return f'"""\n{text}\n"""' if plain else python_literal(text)


@cache
def kql_texts() -> dict[str, dict[str, str]]:
    """Reads the questions that Log Analytics can answer: each one's KQL, and how its answer differs."""
    return tomllib.loads(KQL.read_text(encoding="utf-8"))


def kql_text(name: str, bar: Bar) -> str:
    """Writes a question as KQL for the time range and the app that are chosen."""
    app = f"\n| where JobId == {json.dumps(bar.job)}" if bar.job else ""
    return kql_texts()[name]["kql"].strip().format(since=iso(bar.since), until=iso(bar.until), app=app)
