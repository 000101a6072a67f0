"""The client of a storage container: lists its blobs and reads one from a byte on.

Whatever Azure refuses becomes a sentence with what to do; no key and no SAS is in it.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any, Self
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobType, ContainerClient, ExponentialRetry

from pipeline.collect.graph.credentials import (
    connection_failure,
    make_credential,
    retry_after_of,
    sign_in_error,
    transport,
)
from pipeline.config.errors import ContainerError, GraphError, TenantsError
from pipeline.config.retry_policy import BLOB_REQUESTS, RetryPolicy
from pipeline.config.tenants import Tenant
from pipeline.ingest.bounds import is_within

USUAL = "insights-logs-provisioninglogs"
"How Azure Monitor names the container of this category."
PREFIXES = ("tenantId=", "resourceId=")
"Where blobs of tenant-level logs were seen, and where Microsoft's documentation puts resource logs."
HOUR = re.compile(r"/y=(\d{4})/m=(\d\d?)/d=(\d\d?)/h=(\d\d?)/m=\d\d?/", re.IGNORECASE)
OWNER = re.compile(r"(?:^tenantId=|/tenants/)([^/]+)", re.IGNORECASE)
CONTAINER_MISSING = {"ContainerNotFound", "ContainerBeingDeleted"}
REFUSALS = {
    "AuthorizationPermissionMismatch": "{who} may not do this; {role}",
    "AuthenticationFailed": "{who} was not accepted, as happens when it has expired; {renew}",
    "InvalidAuthenticationInfo": "{who} was not accepted; {renew}",
    "AuthorizationFailure": "{who} has run out, or the account's firewall does not let this machine in; {renew}, or "
    "allow this machine's address under Networking",
    "KeyBasedAuthenticationNotPermitted": "the account does not take keys; leave container_secret_env out, so that "
    "the tenant's credential is used, and give it the role Storage Blob Data Reader",
    "AuthorizationServiceMismatch": "the SAS is not for blobs; {renew}",
    "AuthorizationResourceTypeMismatch": "the SAS is not for containers and their blobs; {renew}",
    "AuthorizationProtocolMismatch": "the SAS is only for https; write https in container",
    "PublicAccessNotPermitted": "the account is asked without a credential; {renew}",
    "NoAuthenticationInformation": "the account is asked without a credential; {renew}",
}
"What to do about Azure Storage's codes."


class ContainerMissing(ContainerError):
    """The container does not exist yet: Azure makes it when it first writes to it."""


class BlobChanged(ContainerError):
    """A blob was deleted or written anew between listing and reading; the next listing shows which."""


@dataclass(frozen=True)
class Blob:
    """A blob as the container lists it."""

    name: str
    url: str
    "Without a query: the ledger's name for it."
    size: int
    etag: str
    grows: bool
    "Whether it is an append blob; any other is written anew as a whole."
    hour: datetime | None
    "The hour that its path names."


class Container:
    """A tenant's container; a context manager that closes the connection."""

    def __init__(self, tenant: Tenant, policy: RetryPolicy = BLOB_REQUESTS) -> None:
        self._tenant = tenant
        self._guard = Lock()
        self._client, self._who = make_client(tenant, policy)
        self.requests = 0
        "Requests that were answered."
        self.skew_s: float | None = None
        "Seconds by which its clock is ahead of this machine's."

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._client.close()

    def blobs(self) -> list[Blob]:
        """Lists the tenant's log blobs, by name; raises ContainerMissing when Azure has not made the container yet."""
        with self.azure_errors("listing its blobs"):
            listed = [
                one
                for prefix in PREFIXES
                for one in self._client.list_blobs(name_starts_with=prefix, raw_response_hook=self.count_answer)
            ]
        return sorted((self.blob(one) for one in listed if self.is_log(one.name)), key=lambda blob: blob.name)

    def is_log(self, name: str) -> bool:
        """Whether a path is a log file, and of no other tenant."""
        owner = OWNER.search(name)
        return name.lower().endswith(".json") and (not owner or owner[1].lower() == self._tenant.tenant_id.lower())

    def blob(self, listed: Any) -> Blob:
        """Builds a blob of its entry in the listing."""
        url = f"{self._tenant.container.rstrip('/')}/{listed.name}"
        grows = listed.blob_type == BlobType.APPENDBLOB
        return Blob(listed.name, url, int(listed.size), str(listed.etag).strip('"'), grows, hour_of(listed.name))

    def read(self, blob: Blob, begin: int, end: int) -> bytes:
        """Reads a blob's bytes from `begin` until `end`; raises BlobChanged when they are not there any more."""
        if end <= begin:
            return b""
        with self.azure_errors(f"reading {blob.name}"):
            client = self._client.get_blob_client(blob.name)
            stream = client.download_blob(offset=begin, length=end - begin, raw_response_hook=self.count_answer)
            return bytes(stream.readall())

    def count_answer(self, response: Any) -> None:
        """Counts an answer, and compares its clock with ours."""
        date = response.http_response.headers.get("Date")
        with self._guard:
            self.requests += 1
            if date:
                self.skew_s = round((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds(), 1)

    @contextmanager
    def azure_errors(self, what: str) -> Iterator[None]:
        """Turns what Azure's library raises into a ContainerError, without its cause, which carries the request."""
        try:
            yield
        except (AzureError, GraphError, TenantsError, ValueError, OSError) as error:
            raise container_error(self._tenant, self._who, what, error) from None


class BlobRetry(ExponentialRetry):
    """Azure's own loop of tries with our pauses; by itself it neither bounds a pause nor reads Retry-After."""

    def __init__(self, policy: RetryPolicy) -> None:
        super().__init__(retry_total=(policy.attempts or 1) - 1)
        self._policy = policy

    def increment(self, settings: dict[str, Any], request: Any, response: Any = None, error: Any = None) -> bool:
        """Counts a failure and returns whether there is another try."""
        settings["retry_after_s"] = after = retry_after_of(response)
        return super().increment(settings, request, response, error) and self._policy.allows(settings["count"], after)

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """Returns the seconds before the next try."""
        return self._policy.pause_s(settings["count"], settings["retry_after_s"])


def make_client(tenant: Tenant, policy: RetryPolicy = BLOB_REQUESTS) -> tuple[ContainerClient, str]:
    """Makes a client for the tenant's container; returns it and the name of what it signs in with."""
    at = f"{tenant.name}: container is {urlsplit(tenant.container)._replace(query='').geturl()!r}"
    parts = urlsplit(tenant.container)
    if parts.query:
        raise ContainerError(f"{at} with a query; give its URL alone, and the SAS in container_secret_env's variable.")
    if parts.scheme not in ("http", "https") or not parts.path.strip("/"):
        raise ContainerError(f"{at}; its URL was expected, such as https://ACCOUNT.blob.core.windows.net/{USUAL}.")
    logging.getLogger("azure").setLevel(logging.ERROR)
    try:
        credential, who = credential_for(tenant)
        options: dict[str, Any] = {"transport": transport(tenant), "retry_policy": BlobRetry(policy)}
        return ContainerClient.from_container_url(tenant.container.rstrip("/"), credential=credential, **options), who
    except (GraphError, TenantsError) as error:
        raise ContainerError(str(error)) from None
    except (AzureError, ValueError, OSError) as error:
        raise ContainerError(
            f"{at}, which cannot be asked: {connection_failure(' '.join(str(error).split()))}."
        ) from None


def credential_for(tenant: Tenant) -> tuple[Any, str]:
    """Returns the account's key or SAS from the environment, else the tenant's own credential; and its name."""
    variable = tenant.container_secret_env
    if not variable:
        return make_credential(tenant), f"the {tenant.credential} credential"
    secret = tenant.secret(variable).strip()
    parts = dict(part.partition("=")[::2] for part in secret.split(";") if "=" in part)
    if "AccountKey" in parts:
        return AzureNamedKeyCredential(parts.get("AccountName", ""), parts["AccountKey"]), f"the key in {variable}"
    sas = parts.get("SharedAccessSignature", secret.rpartition("?")[2])
    if "sig=" not in sas:
        raise TenantsError(
            f"{tenant.name}: the environment variable {variable} holds neither a storage account's connection string "
            "nor a SAS; copy one of them from the account's page in the Azure portal."
        )
    return AzureSasCredential(sas), f"the SAS in {variable}"


def container_error(tenant: Tenant, who: str, what: str, error: Exception) -> ContainerError:
    """Builds the error, a sentence, of what Azure's library raised."""
    at = f"{tenant.name}: {what} in {tenant.container}"
    if isinstance(error, GraphError | TenantsError):
        return ContainerError(str(error))
    code = getattr(error, "error_code", None) or ""
    code = str(getattr(code, "value", code))
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if code in CONTAINER_MISSING:
        return ContainerMissing(missing_container(tenant.container))
    if code in ("BlobNotFound", "InvalidRange", "BlobModifiedWhileReading", "ConditionNotMet"):
        return BlobChanged(f"{at}: it is gone or has been written anew.")
    if status is None and isinstance(error, ClientAuthenticationError):
        return ContainerError(str(sign_in_error(error, tenant)))
    if code in REFUSALS or status in (401, 403):
        advice = REFUSALS.get(code, REFUSALS["AuthorizationPermissionMismatch"]).format(who=who, **advice_for(tenant))
        return ContainerError(f"{at} was refused ({code or status}): {advice}.")
    if status is not None:
        return ContainerError(f"{at} failed: Azure answered {status} {code}; it is tried again.")
    seen = " ".join(str(error).split())
    return ContainerError(f"{at} failed: {connection_failure(seen)}; see whether this machine reaches that address.")


def advice_for(tenant: Tenant) -> dict[str, str]:
    """Returns what to do where a right is missing or a secret has run out, for this kind of credential."""
    variable = tenant.container_secret_env
    if variable:
        return {
            "role": f"the SAS in {variable} must allow to read and to list (sp=rl)",
            "renew": f"make a new one and put it into {variable}",
        }
    role = "give it the role Storage Blob Data Reader on the storage account; Owner may list blobs, but not read them"
    return {"role": role, "renew": "check the tenant's credential"}


def missing_container(url: str) -> str:
    """Describes that there is no container yet, which is no fault."""
    name = url.rstrip("/").rpartition("/")[2]
    usual = "" if name == USUAL else f" Azure Monitor's name for it is {USUAL}."
    return (
        f"No data yet: there is no container {name}. Azure makes it with the first record, up to 24 hours after the "
        f"diagnostic setting was made.{usual}"
    )


def hour_of(name: str) -> datetime | None:
    """Returns the hour, UTC, that a blob's path names.

    >>> hour_of("tenantId=x/y=2026/m=01/d=05/h=13/m=00/PT1H.json")
    datetime.datetime(2026, 1, 5, 13, 0)
    """
    match = HOUR.search(name)
    try:
        year, month, day, hour = map(int, match.groups() if match else ())
        named = datetime(year, month, day, hour)
    except ValueError:
        return None
    return named if is_within(named) else None
