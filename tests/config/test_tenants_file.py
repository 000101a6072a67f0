"""The file of tenants: what is wrong in it is said with file, line, what was seen and what was expected."""

from pathlib import Path

import pytest

from pipeline.config.errors import TenantsError
from pipeline.config.settings import Settings
from pipeline.config.tenants import read_tenants

GOOD = """\
[contoso]
tenant_id = "11111111-1111-4111-8111-111111111111"
client_id = "22222222-2222-4222-8222-222222222222"
secret_env = "CONTOSO_SECRET"

["north wind"]
tenant_id = "33333333-3333-4333-8333-333333333333"
client_id = "44444444-4444-4444-8444-444444444444"
credential = "certificate"
certificate = "keys/wind.pem"
"""


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> Path:
    """Where the settings expect the tenants."""
    settings.tenants = tmp_path / "tenants.toml"
    return settings.tenants


def complaint(settings: Settings, file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(TenantsError) as raised:
        read_tenants(settings)
    return str(raised.value).removeprefix(str(file))


def test_without_the_setting_no_tenant_is_asked(settings: Settings) -> None:
    assert read_tenants(settings) == []


def test_tenants_come_in_the_order_of_the_file_and_paths_are_beside_it(settings: Settings, file: Path) -> None:
    file.write_text(GOOD)
    contoso, wind = read_tenants(settings)
    assert (contoso.name, contoso.graph, contoso.events) == ("contoso", "https://graph.microsoft.com", True)
    assert (wind.name, wind.certificate) == ("north wind", file.parent / "keys/wind.pem")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('secret_env = "CONTOSO_SECRET"', 'secrets_env = "X"', ":4: secrets_env is no setting of a tenant; known are "),
        ('"11111111-1111-4111-8111-111111111111"', '"contoso"', ":2: tenant_id is 'contoso'; a GUID was expected."),
        ('secret_env = "CONTOSO_SECRET"', "", ":1: credential is 'secret'; give secret_env"),
        ('certificate = "keys/wind.pem"', "", ":6: credential is 'certificate'; give certificate"),
        ('credential = "certificate"', 'credential = "password"', ":9: credential is 'password'; Input should be "),
        ("[contoso]", "contoso = 1\n[north]", ":1: contoso is not in a table; a table such as [contoso] was expected."),
        ('tenant_id = "3', 'tenant = "3', ":7: tenant is no setting"),
        ("[contoso]", "[contoso", " is no TOML: "),
    ],
)
def test_a_wrong_key_is_named_with_its_line(settings: Settings, file: Path, old: str, new: str, said: str) -> None:
    assert complaint(settings, file, GOOD.replace(old, new, 1)).startswith(said)


def test_a_tenant_without_its_id_is_told_so(settings: Settings, file: Path) -> None:
    assert complaint(settings, file, '[contoso]\nsecret_env = "X"\nclient_id = "y"\n').startswith(
        ":1: tenant_id is missing; every tenant needs it."
    )


def test_a_file_that_is_not_there_is_named(settings: Settings, file: Path) -> None:
    with pytest.raises(TenantsError, match=r"tenants\.toml cannot be read .*PROVISIONING_TENANTS must name a file"):
        read_tenants(settings)


def test_an_empty_secret_is_a_sentence(settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(GOOD)
    monkeypatch.delenv("CONTOSO_SECRET", raising=False)
    with pytest.raises(TenantsError, match="contoso: the environment variable CONTOSO_SECRET is empty"):
        read_tenants(settings)[0].secret("CONTOSO_SECRET")
