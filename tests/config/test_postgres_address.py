"""Addresses of catalogs: the password is taken out of each, and what is not supported is refused in a sentence."""

from pathlib import Path

import pytest

from pipeline.__main__ import run
from pipeline.config.errors import SettingsError
from pipeline.config.postgres_address import split_password, with_options
from pipeline.config.settings import Settings, read_settings

PASSWORD = "in'vent\\ed p@ss/word"
SPELLINGS = {
    "pairs": r"host=db.example dbname=lake user=ada password='in\'vent\\ed p@ss/word'",
    "spaces around =": r"host = db.example dbname = lake  user = ada password = 'in\'vent\\ed p@ss/word' ",
    "URL": "postgresql://ada:in%27vent%5Ced%20p%40ss%2Fword@db.example/lake",
    "short scheme": "postgres://ada:in%27vent%5Ced%20p%40ss%2Fword@db.example/lake",
    "URL parameter": "postgresql://ada@db.example/lake?password=in%27vent%5Ced%20p%40ss%2Fword",
}
WRONG = (
    "postgresql://ada:invented-pass@db.example/lake",
    "ducklake:postgres:host=db.example password=invented-pass again dbname=lake",
    "ducklake:postgres:host=db.example password='invented-pass",
    "ducklake:postgres:host=db.example sslpassword=invented-pass",
    "ducklake:mysql:host=db.example passwd=invented-pass",
    "postgres://ada:invented/pass@db.example",
)
URLS = ("s3://lake/files", "S3://lake/files", "az://lake/files", "abfss://lake@account.example/x", "file:///data/files")


@pytest.mark.parametrize("address", SPELLINGS.values(), ids=SPELLINGS)
def test_the_password_is_kept_apart_from_the_address_in_every_spelling(address: str) -> None:
    settings = Settings(_env_file=None, store=f"ducklake:postgres:{address}")
    assert settings.catalog_password is not None
    assert settings.catalog_password.get_secret_value() == PASSWORD
    pairs = dict(pair.split("=") for pair in settings.catalog_address.split())
    assert pairs == {"host": "db.example", "dbname": "lake", "user": "ada"}
    assert "vent" not in repr(settings) + settings.model_dump_json() + settings.store


def test_a_password_of_its_own_serves_an_address_without_one() -> None:
    settings = Settings(_env_file=None, store="ducklake:postgres:dbname=lake", catalog_password="invented")
    assert settings.catalog_password is not None
    assert (settings.catalog_address, settings.catalog_password.get_secret_value()) == ("dbname=lake", "invented")


def test_several_hosts_and_what_needs_quotes_are_spelled_as_libpq_reads_them() -> None:
    address, password = split_password("postgresql://a.example:1,[::1]:2/the%20lake?sslmode=require")
    assert (address, password) == ("host=a.example,::1 port=1,2 dbname='the lake' sslmode=require", None)
    assert with_options("options='-c a=1' dbname=x", "-c b=2", connect_timeout="9") == (
        "connect_timeout=9 options='-c a=1 -c b=2' dbname=x"
    )


@pytest.mark.parametrize("store", WRONG)
def test_a_wrong_address_is_refused_without_repeating_a_password(store: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(store=store)
    assert str(error.value).startswith("PROVISIONING_STORE is '")
    assert not [word for word in ("invented", "pass@", "again", "/pass") if word in str(error.value)]


@pytest.mark.parametrize("name", ["files", "inbox", "publish", "tenants", "rules", "profiles", "notify"])
@pytest.mark.parametrize("url", URLS)
def test_a_url_is_no_path(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=rf"PROVISIONING_{name.upper()} is '{url}'; .* give a path on this machine"):
        read_settings(**{name: url})


def test_files_on_object_storage_are_refused_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROVISIONING_FILES", "s3://lake/files")
    (tmp_path / "log.json").write_text("{}")
    assert run(["ingest", "log.json"]) == 2
    assert "PROVISIONING_FILES is 's3://lake/files'; s3: addresses are not supported here" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["log.json"]
