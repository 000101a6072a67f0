"""Credentials of the installation are in nothing that is shown: errors, /healthz, status, statements and the log."""

import asyncio
import logging
from pathlib import Path

import pytest

from dashboard import healthz
from pipeline.__main__ import run
from pipeline.config.credentials import Formatter, without_credentials
from pipeline.config.errors import StoreError

PASSWORD = "Qv7@planted/pw"
ADDRESSES = {
    "url": "ducklake:postgres:postgresql://ada:Qv7%40planted%2Fpw@127.0.0.1:1/lake",
    "words": f"ducklake:postgres:host=127.0.0.1 port=1 user=ada password={PASSWORD} dbname=lake",
    "quoted": f"ducklake:postgres:host=127.0.0.1 port=1 user=ada password='{PASSWORD}' dbname=lake",
}


@pytest.mark.parametrize("form", ADDRESSES)
def test_a_catalog_that_is_down_is_told_without_its_password(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PROVISIONING_STORE", ADDRESSES[form])
    monkeypatch.setenv("PROVISIONING_FILES", str(tmp_path))
    for words in (["status"], ["sql", "from duckdb_databases()"], ["ask", "events"]):
        assert run(words) == 2
    shown = "".join(capsys.readouterr())
    shown += bytes(asyncio.run(healthz(None)).body).decode()  # type: ignore[arg-type]
    assert "127.0.0.1" in shown
    assert "planted" not in shown and "Qv7" not in shown


@pytest.mark.parametrize("name", ["PGPASSWORD", "CONTOSO_CLIENT_SECRET", "PROVISIONING_CATALOG_PASSWORD"])
def test_what_a_variable_holds_is_in_no_error_and_no_line_of_the_log(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(name, PASSWORD)
    monkeypatch.setenv("PWD", "/srv/observatory")
    assert without_credentials("/srv/observatory/data/catalog.sqlite") == "/srv/observatory/data/catalog.sqlite"
    assert (
        str(StoreError(f"{PASSWORD} was refused, and Qv7%40planted%2Fpw too"))
        == "[removed] was refused, and [removed] too"
    )
    record = logging.LogRecord("x", logging.ERROR, "", 0, "no %s", (PASSWORD,), None)
    assert Formatter().format(record) == "no [removed]"

    monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    assert (
        without_credentials(f"{tmp_path}/data/catalog.sqlite does not exist")
        == f"{tmp_path}/data/catalog.sqlite does not exist"
    )
    Path(".env").write_text(f"# {name}=nothing\n{name}='{PASSWORD}'\n")
    assert without_credentials(f"at {PASSWORD}.") == "at [removed]."
