"""Reads the tenants to collect from, and their identities: the file that PROVISIONING_TENANTS names.

One table a tenant, under the name people call it by. The file holds no secret: it names the environment variable, or
the certificate's file, that does.
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.config.errors import TenantsError
from pipeline.config.settings import Settings
from pipeline.config.toml_file import TomlFile, read_toml

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Tenant(BaseModel):
    """A tenant to ask; every field but `name` stands in its table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    "What people call it: the table's name."
    tenant_id: str = Field(pattern=f"^{GUID}$")
    client_id: str = ""
    "The app registration that asks; a managed identity may leave it out."
    credential: Literal["secret", "certificate", "managed", "workload"] = "secret"
    secret_env: str = ""
    "The environment variable that holds the client secret."
    certificate: Path | None = None
    "A PEM or PFX file with the certificate and its private key."
    certificate_password_env: str = ""
    graph: str = "https://graph.microsoft.com"
    "Microsoft Graph of this cloud; https://graph.microsoft.us for the US Government's."
    authority: str = "https://login.microsoftonline.com"
    "Where tokens are asked for."
    ca: Path | None = None
    "Certificates to trust beside the usual ones, where a proxy inspects TLS."
    api: str = "v1.0"
    events: bool = True
    "Whether its provisioning events are asked of Graph."
    jobs: bool = True
    "Whether its jobs are asked of Graph."
    apps: tuple[str, ...] = ()
    "Object ids of the service principals whose jobs are asked; all that provision when empty."
    app_settings: bool = False
    "Whether notification and scope settings are asked, at /synchronization/secrets; other values there are dropped."
    container: str = ""
    "The URL of the storage container that its diagnostic settings write to."
    container_secret_env: str = ""
    "The environment variable with the account's connection string or SAS; without it the credential above is used."
    retention_days: int | None = Field(None, ge=1)
    "Days that Entra keeps this tenant's events, where it is not PROVISIONING_RETENTION_DAYS."

    @model_validator(mode="after")
    def complete(self) -> "Tenant":
        """Refuses a credential without what it needs."""
        if self.credential == "secret" and not self.secret_env and (self.events or self.jobs):
            raise ValueError("credential is 'secret'; give secret_env, the environment variable that holds it")
        if self.credential == "certificate" and self.certificate is None:
            raise ValueError("credential is 'certificate'; give certificate, the path of a PEM or PFX file")
        if self.credential in ("secret", "certificate") and not self.client_id and (self.events or self.jobs):
            raise ValueError("client_id is missing; give the app registration's application id")
        return self

    def secret(self, variable: str) -> str:
        """Returns what an environment variable holds; raises TenantsError when it is empty."""
        value = os.environ.get(variable, "")
        if not value:
            raise TenantsError(f"{self.name}: the environment variable {variable} is empty; it must hold the secret.")
        return value


def read_tenants(settings: Settings) -> list[Tenant]:
    """Reads the tenants to collect from, in the file's order; none when PROVISIONING_TENANTS is unset.

    Raises TenantsError with file, line, what was seen and what was expected.
    """
    file = settings.tenants
    if file is None:
        return []
    toml = read_toml(file, TenantsError, "PROVISIONING_TENANTS must name a file")
    return [tenant_of(toml, name, table) for name, table in toml.tables.items()]


def tenant_of(toml: TomlFile, name: str, table: object) -> Tenant:
    """Builds one tenant from its table; a path in it is relative to the file."""
    if not isinstance(table, dict):
        raise TenantsError(f"{toml.place(name)}: {name} is not in a table; a table such as [contoso] was expected.")
    rooted: dict[str, Any] = {
        key: toml.path.parent / value if key in ("certificate", "ca") and isinstance(value, str) else value
        for key, value in table.items()
    }
    try:
        return Tenant(name=name, **rooted)
    except ValidationError as error:
        # A misspelled key is the likelier cause of one that is missing.
        fault = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        key = str(fault["loc"][0]) if fault["loc"] else ""
        raise TenantsError(f"{toml.place(name, *([key] if key else []))}: {complaint(key, fault)}") from None


def complaint(key: str, fault: Any) -> str:
    """Describes what is wrong with one key."""
    if fault["type"] == "extra_forbidden":
        settings = ", ".join(name for name in Tenant.model_fields if name != "name")
        return f"{key} is no setting of a tenant; known are {settings}."
    if fault["type"] == "missing":
        return f"{key} is missing; every tenant needs it."
    expected = str(fault["msg"]).removeprefix("Value error, ")
    if not key:
        return f"{expected}."
    if fault["type"] == "string_pattern_mismatch":
        expected = "a GUID was expected"
    return f"{key} is {fault['input']!r}; {expected}."
